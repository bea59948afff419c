"""The twin where the contract suite does not look: faults, what it keeps, and how it stands in."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from app.core.clock import SetClock
from app.core.house import House
from app.wechat.errors import Unanswered, Unreached
from app.wechat.gateway import WeChatGateway, gateway_for
from app.wechat.sender import Outgoing, sender_for
from app.wechat.twin import Sent, Twin
from tests.support.wechat import opened

SEND = "/cgi-bin/message/template/send"
ACCOUNT = opened()


@pytest.fixture
def twin() -> Twin:
    made = Twin(SetClock(datetime(2026, 11, 22, 4, 0, tzinfo=UTC)))
    made.add_account(ACCOUNT)
    made.add_template(ACCOUNT, "T1", "{{thing1.DATA}}")
    return made


def test_it_keeps_what_reached_whom(twin: Twin) -> None:
    lin = twin.follow(ACCOUNT, "Lin")
    msgid = twin.gateway(ACCOUNT).send_template(lin, "T1", {"thing1": {"value": "积分"}}, client_msg_id="d7")
    assert twin.sent == [Sent(ACCOUNT.appid, "Lin", lin, "template", int(msgid), "d7", "T1", {"thing1": "积分"})]
    assert twin.calls == [(ACCOUNT.appid, SEND, 0)]


def test_faults_strike_as_often_as_asked(twin: Twin) -> None:
    lin = twin.follow(ACCOUNT, "Lin")
    gateway = twin.gateway(ACCOUNT)
    twin.fail(SEND, unreached=True, times=1)
    twin.fail("*", drop_before=True, times=1)
    for kind in (Unreached, Unanswered):
        with pytest.raises(kind):
            gateway.send_template(lin, "T1", {"thing1": {"value": "x"}})
    assert twin.sent == []
    assert gateway.send_template(lin, "T1", {"thing1": {"value": "x"}})


def test_an_account_that_does_not_honour_ids_sends_twice(twin: Twin) -> None:
    twin.honours_client_msg_id = False
    lin = twin.follow(ACCOUNT, "Lin")
    for _ in range(2):
        twin.gateway(ACCOUNT).send_template(lin, "T1", {"thing1": {"value": "x"}}, client_msg_id="same")
    assert len(twin.sent) == 2


def test_the_platforms_time_is_the_houses_and_more(twin: Twin) -> None:
    clock = cast("SetClock", twin.clock)
    twin.advance(60)
    assert (twin.moment() - clock.now()).total_seconds() == 60


def test_while_installed_every_room_gets_the_twin(twin: Twin) -> None:
    house = cast("House", None)
    with twin.installed():
        gateway = gateway_for(house, ACCOUNT)
        assert isinstance(gateway, WeChatGateway)
        assert gateway.list_templates()[0].template_id == "T1"
        payload: dict[str, Any] = {"touser": twin.follow(ACCOUNT, "Lin"), "template_id": "T1", "data": {"thing1": {"value": "x"}}}
        (answer,) = sender_for(house).send([Outgoing(ACCOUNT, SEND, payload, 3)])
    assert (answer.tag, answer.ok) == (3, True)
    with pytest.raises(AttributeError):
        gateway_for(house, ACCOUNT)
    with pytest.raises(AttributeError):
        sender_for(house)
