"""`fanka page`: a page from a JSON file through its whole life, and its picture."""

import json

import pytest

from tests.support.pages import banner

UNIT = "海岸百货"


@pytest.fixture
def shop(doc):
    doc("store", "add", "NJX", "--name", "南京西路店", "--unit", UNIT)
    doc("programme", "add", "海岸会员")


def test_a_page_lives_at_a_terminal(shop, doc, fanka, tmp_path):
    wish = ("--unit", UNIT, "--type", "amount_off", "--terms", '{"amount_fen": 1000}', "--days", "7", "--claimable")
    template = doc("coupon", "add", "满减", *wish)["id"]
    file = tmp_path / "banner.png"
    file.write_bytes(banner())
    picture = doc("page", "picture", str(file))["picture"]
    blocks = [{"kind": "picture", "picture": picture, "alt": "海报"}, {"kind": "coupon", "template": template}]
    told = json.dumps({"title": "会员日", "blocks": blocks, "until_at": "2026-12-01T00:00:00+08:00"})
    made = doc("page", "add", "day-1", "-", stdin=told)
    assert (made["state"], made["draft"]["number"]) == ("draft", 1)
    assert fanka("page", "publish", "day-1", json=True).json["error"]["code"] == "template_not_open"
    doc("coupon", "open", template)
    assert doc("page", "add", "day-1", "-", stdin=told)["draft"]["number"] == 2
    assert fanka("page", "publish", "day-1", "--number", "1", json=True).json["error"]["code"] == "page_changed"
    assert doc("page", "publish", "day-1")["live"]["number"] == 2
    said = fanka("page", "show", "day-1").out
    assert "会员日 (已发布)" in said
    assert "2026-12-01 00:00:00" in said
    assert template in said
    assert [(each["slug"], each["live_number"]) for each in doc("page", "list")["pages"]] == [("day-1", 2)]
    assert doc("page", "close", "day-1")["state"] == "closed"
    for wrong, code in (
        ("{", "bad_json"),
        ('{"title": "x"}', "bad_field"),
        (json.dumps({"title": "x" * 41, "blocks": blocks}), "bad_field"),
    ):
        assert fanka("page", "add", "day-2", "-", stdin=wrong, json=True).json["error"]["code"] == code
    assert fanka("page", "add", "Day 2", "-", stdin=told, json=True).json["error"]["code"] == "bad_field"
