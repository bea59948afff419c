"""Template messages on both stages, one by one and in bulk."""

from typing import Any

import pytest

from app.core.accounts import OpenAccount
from app.core.nouns import AccountKind
from app.wechat.errors import AccountRefused, BadPayload, RecipientRefused, Throttled, Unanswered, WeChatError
from app.wechat.gateway import Gateway
from app.wechat.sender import Outgoing
from tests.contracts.refusals import refused
from tests.contracts.stages import Stage, account_of, wrong_secret

CONTENT = "事项{{thing1.DATA}}\n时间{{time2.DATA}}\n{{remark.DATA}}"
DATA = {"thing1": {"value": "积分到账"}, "time2": {"value": "2026-11-22 12:00"}}
SEND = "/cgi-bin/message/template/send"
NOBODY = "o" + "x" * 27


@pytest.fixture
def lin(stage: Stage, service: OpenAccount) -> str:
    stage.add_template(service, "T1", CONTENT)
    return stage.follow(service, "Lin")


def test_templates_are_listed_with_their_fields(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    stage.add_template(service, "T1", CONTENT)
    stage.add_template(service, "S1", "{{thing1.DATA}}", purpose="subscribe")
    (template,) = shop.list_templates()
    assert (template.template_id, template.title, template.content) == ("T1", "服务通知", CONTENT)


def test_a_template_message_reaches_the_person(stage: Stage, service: OpenAccount, shop: Gateway, lin: str) -> None:
    first = shop.send_template(lin, "T1", DATA, url="https://example.com/")
    second = shop.send_template(lin, "T1", DATA, miniprogram={"appid": "wx1", "pagepath": "pages/card"})
    assert first.isdigit()
    assert first != second
    assert stage.reached(service, "Lin") == [("template", {"thing1": "积分到账", "time2": "2026-11-22 12:00"})] * 2


@pytest.mark.parametrize(
    ("field", "value", "fits"),
    [
        ("thing1", "长" * 20, True),
        ("thing1", "长" * 21, False),
        ("thing1", "", False),
        ("time2", "15:01", True),
        ("time2", "2019年10月1日 15:01", True),
        ("time2", "25:01", False),
        ("number3", "9" * 32, True),
        ("number3", "1e9", False),
        ("letter4", "abc", True),
        ("letter4", "abc1", False),
        ("character_string5", "A-1 " * 8, True),
        ("character_string5", "编号1", False),
        ("amount6", "¥100.50", True),
        ("amount6", "一百元", False),
        ("phone_number7", "+86-138 0000 000", True),
        ("phone_number7", "1" * 18, False),
        ("car_number8", "粤A8Z888挂", True),
        ("car_number8", "粤A8Z888挂XX", False),
        ("name9", "林" * 10, True),
        ("name9", "林" * 11, False),
        ("name9", "L" * 20, True),
        ("phrase10", "已发货", True),
        ("phrase10", "已经发货了吗", False),
        ("phrase10", "ok", False),
        ("symbol11", "+++++", True),
        ("symbol11", "++++++", False),
        ("keyword1", "长" * 200, True),
        ("keyword1", "长" * 201, False),
    ],
)
def test_a_field_keeps_to_its_type(stage: Stage, service: OpenAccount, shop: Gateway, lin: str, field: str, value: str, fits: bool) -> None:
    stage.add_template(service, "T2", f"{{{{{field}.DATA}}}}")
    if fits:
        assert shop.send_template(lin, "T2", {field: {"value": value}})
        return
    with refused(BadPayload, 47003) as caught:
        shop.send_template(lin, "T2", {field: {"value": value}})
    assert caught.value.field == field
    assert stage.reached(service, "Lin") == []


def test_who_and_what_is_checked_first(stage: Stage, service: OpenAccount, shop: Gateway, lin: str) -> None:
    bad: dict[str, Any] = {"thing1": {"value": ""}}
    with refused(RecipientRefused, 40003):
        shop.send_template(NOBODY, "T9", bad)
    with refused(BadPayload, 40037):
        shop.send_template(lin, "T9", bad)
    with refused(BadPayload, 47003):
        shop.send_template(lin, "T1", bad)
    stage.unfollow(service, "Lin")
    with refused(RecipientRefused, 43004):
        shop.send_template(lin, "T9", bad)


def test_the_same_client_msg_id_is_not_sent_twice_for_ten_minutes(stage: Stage, service: OpenAccount, shop: Gateway, lin: str) -> None:
    zhao = stage.follow(service, "Zhao")
    first = shop.send_template(lin, "T1", DATA, client_msg_id="b1-w1-7")
    stage.advance(590)
    assert shop.send_template(lin, "T1", DATA, client_msg_id="b1-w1-7") == first
    assert len(stage.reached(service, "Lin")) == 1
    assert shop.send_template(zhao, "T1", DATA, client_msg_id="b1-w1-7") != first
    stage.advance(20)
    assert shop.send_template(lin, "T1", DATA, client_msg_id="b1-w1-7") != first
    assert len(stage.reached(service, "Lin")) == 2
    with refused(BadPayload, 40035):
        shop.send_template(lin, "T1", DATA, client_msg_id="x" * 65)


def test_the_day_has_a_hundred_thousand(stage: Stage, service: OpenAccount, shop: Gateway, lin: str) -> None:
    stage.use_quota(service, "template", 99_999)
    shop.send_template(lin, "T1", DATA)
    with refused(Throttled, 45009) as caught:
        shop.send_template(lin, "T1", DATA)
    assert caught.value.scope == "day"  # type: ignore[attr-defined]
    assert len(stage.reached(service, "Lin")) == 1
    stage.advance(86_400)
    shop.send_template(lin, "T1", DATA)


def test_a_message_lost_after_it_was_accepted_reached_the_person(stage: Stage, service: OpenAccount, shop: Gateway, lin: str) -> None:
    stage.fail(SEND, drop_after=True)
    with pytest.raises(Unanswered):
        shop.send_template(lin, "T1", DATA, client_msg_id="a")
    shop.send_template(lin, "T1", DATA, client_msg_id="a")
    assert len(stage.reached(service, "Lin")) == 1


def test_templates_are_for_service_accounts(stage: Stage, subscription: OpenAccount, mini: OpenAccount) -> None:
    for account in (subscription, mini):
        with refused(AccountRefused, 48001):
            stage.gateway(account).send_template(NOBODY, "T1", DATA)


def outgoing(account: OpenAccount, openid: str, tag: int, **more: Any) -> Outgoing:
    return Outgoing(account, SEND, {"touser": openid, "template_id": "T1", "data": DATA, **more}, tag)


def test_the_sender_answers_each_in_its_place(stage: Stage, service: OpenAccount, lin: str) -> None:
    other = stage.join(account_of(AccountKind.SERVICE, 1))
    stage.add_template(other, "T1", CONTENT)
    there = stage.follow(other, "Lin")
    answers = stage.sender().send(
        [
            outgoing(service, lin, 1),
            outgoing(service, NOBODY, 2),
            outgoing(service, lin, 3, template_id="T9"),
            outgoing(other, there, 4),
            outgoing(other, lin, 5),
            outgoing(service, lin, 6, data={"thing1": {"value": ""}}),
            outgoing(wrong_secret(account_of(AccountKind.SERVICE, 5)), lin, 7),
        ]
    )
    codes = [answer.error.code if answer.error else 0 for answer in answers]
    assert [answer.tag for answer in answers] == [1, 2, 3, 4, 5, 6, 7]
    assert codes == [0, 40003, 40037, 0, 40003, 47003, 40013]
    assert all(answer.ok is (code == 0) for answer, code in zip(answers, codes, strict=True))
    msgids = {answer.body["msgid"] for answer in answers if answer.ok and answer.body}
    assert len(msgids) == 2
    assert (len(stage.reached(service, "Lin")), len(stage.reached(other, "Lin"))) == (1, 1)


def test_the_sender_repeats_what_an_expired_token_refused(stage: Stage, service: OpenAccount, lin: str) -> None:
    sender = stage.sender()
    assert sender.send([outgoing(service, lin, 0)])[0].ok
    stage.expire_tokens(service)
    assert all(answer.ok for answer in sender.send([outgoing(service, lin, tag) for tag in range(20)]))
    assert len(stage.reached(service, "Lin")) == 21


@pytest.mark.parametrize(("code", "kind"), [(45009, Throttled), (45011, Throttled), (48001, AccountRefused), (43019, RecipientRefused)])
def test_the_sender_classifies_as_the_gateway_does(
    stage: Stage, service: OpenAccount, lin: str, code: int, kind: type[WeChatError]
) -> None:
    stage.fail(SEND, code=code, times=2)
    answers = stage.sender().send([outgoing(service, lin, tag) for tag in range(3)])
    assert sorted(str(type(answer.error)) for answer in answers if not answer.ok) == [str(kind)] * 2
    assert len(stage.reached(service, "Lin")) == 1


def test_the_sender_sends_nothing_twice_when_connections_die(stage: Stage, service: OpenAccount, lin: str) -> None:
    sender = stage.sender()
    sender.send([outgoing(service, lin, 0)])
    stage.fail(SEND, drop_after=True, times=5)
    answers = sender.send([outgoing(service, lin, tag) for tag in range(20)])
    assert sum(isinstance(answer.error, Unanswered) for answer in answers) == 5
    assert sum(answer.ok for answer in answers) == 15
    assert len(stage.reached(service, "Lin")) == 21
