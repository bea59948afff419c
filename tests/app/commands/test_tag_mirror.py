"""A tag carried to WeChat from a terminal, and the menu that goes by it."""

import pytest

from app.core.followers import Sighting, meet
from app.core.unit import work
from app.wechat.gateway import gateway_for
from tagging.mirror import sweep_tag_mirrors
from tagging.tags import find_tag, tag_customers

PLAIN, VIP = ([{"name": name, "type": "click", "key": key}] for name, key in (("优惠", "SALE"), ("贵宾", "VIP")))


@pytest.fixture
def account(sandbox, make_account):
    account = make_account()
    sandbox.add_account(account)
    return account


def test_a_mirrored_tag_is_shown_carries_a_menu_and_is_ended(house, account, sandbox, doc, fanka):
    doc("tags", "define", "贵宾")
    made = doc("tags", "mirror", "贵宾", "--account", account.appid)
    person = sandbox.add_people("Lin")[0]
    sandbox.act(person["id"], account, "follow", how="search")
    openid = sandbox.person(person["id"])["openids"][account.appid]
    now = house.clock.now()
    with work(house.engine) as session:
        (lin,) = meet(session, [Sighting(account.id, account.appid, openid)], now=now).values()
        lin.state, lin.state_at = "following", now
        tag_customers(session, find_tag(session, "贵宾"), customer_ids=[lin.customer_id], actor="Mei", now=now)
    doc("menu", "set", account.appid, "-", stdin={"button": PLAIN})
    doc("menu", "set", account.appid, "-", "--wechat-tag", str(made["wechat_tag"]), stdin={"button": VIP})
    doc("menu", "push", account.appid)
    gateway = gateway_for(house, account)
    assert gateway.match_menu(openid)[0]["name"] == "优惠"
    sweep_tag_mirrors(house)
    assert gateway.match_menu(openid)[0]["name"] == "贵宾"
    (shown,) = doc("tags", "mirror", "--list")["mirrors"]
    assert (shown["tag"], shown["members"], shown["waiting"], shown["ending"]) == ("贵宾", 1, 0, False)
    assert "贵宾" in fanka("tags", "mirror").out
    doc("tags", "mirror", "贵宾", "--account", account.appid, "--off")
    assert doc("tags", "mirror", "--list")["mirrors"][0]["ending"] is True


def test_a_mirror_without_account_or_that_is_none_is_refused_in_one_line(account, fanka, doc):
    doc("tags", "define", "贵宾")
    for words, code in ((("贵宾",), "no_account"), (("贵宾", "--account", account.appid, "--off"), "no_mirror")):
        answer = fanka("tags", "mirror", *words, json=True)
        assert (answer.code, answer.json["error"]["code"]) == (1, code)
