"""The gateway and the sender a house hands out: one per process and account, over real HTTP and a real Redis."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.core.accounts import OpenAccount
from app.core.house import House
from app.wechat.errors import AccountRefused
from app.wechat.gateway import gateway_for
from app.wechat.probe import check_token
from app.wechat.sender import Outgoing, sender_for
from tests.support.sandbox import Sandbox


@pytest.fixture
def service(house: House, sandbox: Sandbox, make_account: Callable[..., OpenAccount]) -> OpenAccount:
    account = make_account(name="Mei's shop")
    sandbox.add_account(account)
    return account


def test_one_gateway_per_account_until_its_settings_change(house: House, service: OpenAccount) -> None:
    gateway = gateway_for(house, service)
    assert gateway_for(house, service) is gateway
    changed = replace(service, secret="0" * 32)
    other = gateway_for(house, changed)
    assert other is not gateway
    assert other.account == changed
    assert sender_for(house) is sender_for(house)


def test_gateway_and_sender_share_one_token(house: House, service: OpenAccount, sandbox: Sandbox) -> None:
    (person,) = sandbox.add_people("Lin")
    sandbox.act(person["id"], service, "follow")
    sandbox.control("templates", {"appid": service.appid, "template_id": "T1", "title": "t", "content": "{{thing1.DATA}}"})
    gateway = gateway_for(house, service)
    (openid,) = gateway.list_followers().openids
    payload = {"touser": openid, "template_id": "T1", "data": {"thing1": {"value": "积分到账"}}}
    (answer,) = sender_for(house).send([Outgoing(service, "/cgi-bin/message/template/send", payload, 1)])
    assert answer.ok
    sandbox.control("settings", {})
    assert sandbox.log.read_text().count(f'"path":"/cgi-bin/stable_token","appid":"{service.appid}","errcode":0') == 1


def test_the_probe_explains_a_wrong_secret(house: House, service: OpenAccount) -> None:
    assert check_token(gateway_for(house, service)).ok
    wrong = check_token(gateway_for(house, replace(service, secret="0" * 32)))
    assert (wrong.ok, wrong.code) == (False, 40001)
    assert wrong.line.startswith("AppSecret 错误")
    with pytest.raises(AccountRefused):
        gateway_for(house, replace(service, appid="wxnobody")).check_token()
