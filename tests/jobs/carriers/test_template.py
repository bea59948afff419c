"""The template carrier: which accounts, which purposes, the body as WeChat wants it."""

from types import SimpleNamespace

import pytest

from app.core.errors import BadRequestError
from app.core.nouns import AccountKind
from jobs.broadcasts.carrier import Mapped, carrier_called, carriers
from jobs.carriers.template import fields_of, plugin
from jobs.models import Purpose

TEMPLATE = SimpleNamespace(
    template_id="t", title="提货", content="订单 {{ character_string1.DATA }}\n{{thing2.DATA}}\n{{thing2.DATA}}{{remark.DATA}}"
)


def test_it_is_found_by_its_name():
    assert carriers()["template"] is plugin
    assert carrier_called("template") is plugin
    with pytest.raises(BadRequestError, match="pigeon"):
        carrier_called("pigeon")


def test_service_news_of_service_accounts_only():
    assert plugin.purposes == {Purpose.SERVICE}
    assert plugin.kinds == {AccountKind.SERVICE}
    assert "营销" in plugin.refusal(Purpose.MARKETING)


def test_fields_are_read_from_the_templates_own_content():
    assert fields_of(TEMPLATE.content) == ("character_string1", "thing2", "remark")
    assert fields_of("no fields {{here}}") == ()


def test_the_body_of_one_recipient_is_what_wechat_documents():
    part = Mapped("t", {"character_string1": "order", "thing2": "goods"}, {"url": "https://shop.example/"})
    message = plugin.message({"order": "A-1", "goods": "雨伞"}, part, [TEMPLATE])
    assert plugin.address(message, openid="oLin", client_id="c1") == {
        "touser": "oLin",
        "template_id": "t",
        "url": "https://shop.example/",
        "client_msg_id": "c1",
        "data": {"character_string1": {"value": "A-1"}, "thing2": {"value": "雨伞"}},
    }


def test_many_faults_are_cut_short():
    wide = SimpleNamespace(template_id="t", title="x", content="".join(f"{{{{thing{number}.DATA}}}}" for number in range(9)))
    with pytest.raises(BadRequestError) as refused:
        plugin.message({"what": ""}, Mapped("t", {f"thing{number}": "what" for number in range(9)}, {}), [wide])
    assert refused.value.detail.endswith("...")
    assert refused.value.detail.count("47003") == 10


@pytest.mark.parametrize(
    ("answer", "msgid"),
    [({"msgid": 200228332}, "200228332"), ({"msgid": "7"}, "7"), ({}, None), ({"msgid": ""}, None), ({"msgid": [1]}, None)],
)
def test_the_msgid_is_text(answer, msgid):
    assert plugin.msgid(answer) == msgid
