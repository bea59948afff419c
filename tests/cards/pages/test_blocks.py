"""What a page may hold: text within bounds, known kinds, and nothing that leads elsewhere."""

from uuid import uuid4

import pytest
from pydantic import ValidationError

from tests.support.pages import content

COUPON = {"kind": "coupon", "template": str(uuid4())}


@pytest.mark.parametrize(
    "blocks",
    [
        [{"kind": "html", "html": "<b>"}],
        [{"kind": "picture", "picture": "https://elsewhere.example.com/a.png", "alt": "图"}],
        [{"kind": "picture", "picture": "a" * 64}],
        [{"kind": "text", "text": "x" * 2001}],
        [{"kind": "text", "text": "a\x00b"}],
        [{"kind": "heading", "text": "turned \u202e round"}],
        [{"kind": "text", "text": "a", "style": "color:red"}],
        [{"kind": "rules", "title": "规则", "lines": []}],
        [COUPON, COUPON],
        [{"kind": "code"}, {"kind": "code"}],
        [{"kind": "coupon", "template": str(uuid4())} for _ in range(11)],
        [{"kind": "text", "text": "a"}] * 31,
        [],
    ],
)
def test_what_no_page_holds(blocks):
    with pytest.raises(ValidationError):
        content(*blocks) if blocks else content({"kind": "text"})


@pytest.mark.parametrize(
    "period",
    [
        {"from_at": "2026-11-30T00:00:00+08:00", "until_at": "2026-11-30T00:00:00+08:00"},
        {"from_at": "2026-11-30T00:00:00"},
        {"until_at": "9999-12-31T00:00:00Z"},
    ],
)
def test_a_period_is_said_with_its_zone_and_ends_after_it_begins(period):
    with pytest.raises(ValidationError):
        content(**period)


def test_line_ends_of_a_text_are_kept():
    said = content({"kind": "text", "text": " 一\n\n二 "}, COUPON)
    assert said.blocks[0].text == "一\n\n二"
    assert [str(each) for each in said.templates] == [COUPON["template"]]
