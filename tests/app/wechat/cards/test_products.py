"""The card products against the sandbox: absolute values, one-tap forms, cards that are gone, and the product that is none."""

from dataclasses import replace

import pytest

from app.core.errors import BadRequestError
from app.wechat.card_product import CardCode, CardFace, CardGoneError, Standing, card_product, card_products
from app.wechat.errors import WeChatError
from app.wechat.gateway import gateway_for

FACE = CardFace(
    title="海岸会员卡",
    brand="海岸百货",
    logo_url="http://mmbiz.qpic.cn/logo",
    notice="结账时出示",
    description="积分可抵现",
    privileges="消费得积分",
    shows_value=True,
)


@pytest.fixture
def shop(house, sandbox, make_account):
    account = make_account(name="海岸百货")
    sandbox.add_account(account)
    return account


@pytest.fixture
def legacy():
    return card_product("legacy")


def take(sandbox, shop, card_id, name="Lin"):
    (person,) = sandbox.add_people(name)
    sandbox.act(person["id"], shop, "follow")
    sandbox.act(person["id"], shop, "take_card", card_id=card_id, code="100000000001")
    return person, CardCode(card_id, "100000000001")


def test_products_are_found_by_name():
    assert {"none", "legacy"} <= set(card_products())
    with pytest.raises(BadRequestError):
        card_product("membercard-closed")


def test_a_card_is_made_taken_activated_and_shown_absolute_values(house, sandbox, shop, legacy):
    gateway = gateway_for(house, shop)
    card_id = legacy.create(gateway, FACE)
    _, place = take(sandbox, shop, card_id)
    legacy.activate(gateway, place, number="8000000000000009", standing=Standing(100, 0))
    for _ in range(2):
        legacy.update(gateway, place, standing=Standing(350, 1200), note="消费积分")
    holder = legacy.read_member(gateway, place)
    assert (holder.number, holder.points, holder.value_fen, holder.active) == ("8000000000000009", 350, 1200, True)
    legacy.update(gateway, place, standing=Standing(0), note="一" * 40)
    holder = legacy.read_member(gateway, place)
    assert (holder.points, holder.value_fen) == (0, 1200)


def test_one_tap_gives_the_phone(house, sandbox, shop, legacy):
    gateway = gateway_for(house, shop)
    card_id = legacy.create(gateway, FACE)
    person, place = take(sandbox, shop, card_id)
    assert legacy.read_member(gateway, place).phone == ""
    sandbox.act(person["id"], shop, "submit_card_form", card_id=card_id)
    assert legacy.read_member(gateway, place).phone == person["phone"]
    assert person["phone"] not in repr(legacy.read_member(gateway, place))


def test_a_card_that_is_gone_says_so_at_every_call(house, sandbox, shop, legacy):
    gateway = gateway_for(house, shop)
    card_id = legacy.create(gateway, FACE)
    person, place = take(sandbox, shop, card_id)
    sandbox.act(person["id"], shop, "delete_card", card_id=card_id)
    for act in (
        lambda: legacy.activate(gateway, place, number="8000000000000009", standing=Standing(1)),
        lambda: legacy.update(gateway, place, standing=Standing(1), note=""),
        lambda: legacy.consume(gateway, place),
        lambda: legacy.update(gateway, CardCode(card_id, "nobody"), standing=Standing(1), note=""),
    ):
        with pytest.raises(CardGoneError):
            act()


def test_a_code_is_consumed_once(house, sandbox, shop, legacy):
    gateway = gateway_for(house, shop)
    card_id = legacy.create(gateway, FACE)
    _, place = take(sandbox, shop, card_id)
    legacy.consume(gateway, place)
    with pytest.raises(CardGoneError):
        legacy.consume(gateway, place)


def test_what_wechat_refuses_for_other_reasons_stays_its_own_error(house, sandbox, make_account, legacy):
    stranger = make_account(name="未认证", kind="subscription")
    gateway = gateway_for(house, stranger)
    with pytest.raises(WeChatError):
        legacy.update(gateway, CardCode("p", "1"), standing=Standing(1), note="")


@pytest.mark.parametrize("wrong", [{"title": "十个字的名字太长了吧"}, {"brand": ""}, {"notice": "一" * 17}, {"description": "一" * 1025}])
def test_texts_that_are_too_long_are_refused_before_wechat_hears_of_them(house, shop, legacy, wrong):
    with pytest.raises(BadRequestError):
        legacy.create(gateway_for(house, shop), replace(FACE, **wrong))


def test_no_card_does_nothing_and_says_nothing(house, shop):
    none = card_product("none")
    gateway = gateway_for(house, shop)
    place = CardCode("", "")
    assert none.create(gateway, FACE) is None
    none.activate(gateway, place, number="8000000000000009", standing=Standing(1))
    none.update(gateway, place, standing=Standing(1), note="")
    none.consume(gateway, place)
    assert none.read_member(gateway, place) is None
