"""Menus and channel codes on both stages."""

from typing import Any

import pytest

from app.core.accounts import OpenAccount
from app.wechat.errors import AccountRefused, BadPayload, Throttled
from app.wechat.gateway import Gateway
from tests.contracts.refusals import refused
from tests.contracts.stages import Stage

CLICK = {"type": "click", "name": "会员卡", "key": "menu_card"}
MENU = {"button": [CLICK, {"name": "更多", "sub_button": [{"type": "view", "name": "官网", "url": "https://example.com/"}]}]}


def test_a_menu_is_read_as_it_was_pushed(shop: Gateway) -> None:
    assert shop.read_menus() == {}
    shop.push_menu(MENU)
    buttons = shop.read_menus()["menu"]["button"]
    assert [button["name"] for button in buttons] == ["会员卡", "更多"]
    assert (buttons[0]["key"], buttons[1]["sub_button"][0]["url"]) == ("menu_card", "https://example.com/")
    shop.delete_menus()
    assert shop.read_menus() == {}


@pytest.mark.parametrize(
    ("buttons", "code"),
    [
        ([], 40016),
        ([CLICK] * 4, 40016),
        ([{"name": "x" * 17, "type": "click", "key": "k"}], 40018),
        ([{"name": "更多", "sub_button": [CLICK] * 6}], 40023),
        ([{"name": "a", "type": "dance"}], 40017),
        ([{"name": "a", "type": "click"}], 40019),
        ([{"name": "a", "type": "view", "url": "x" * 1025}], 40020),
    ],
)
def test_a_menu_beyond_the_limits_is_refused(shop: Gateway, buttons: list[Any], code: int) -> None:
    with refused(BadPayload, code):
        shop.push_menu({"button": buttons})
    assert shop.read_menus() == {}


def test_a_conditional_menu_shows_to_those_with_the_tag(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    lin, zhao = stage.follow(service, "Lin"), stage.follow(service, "Zhao")
    tag = shop.create_tag("金卡会员")
    shop.tag_followers(tag.tag_id, [lin])
    gold = {"button": [{**CLICK, "name": "金卡"}], "matchrule": {"tag_id": str(tag.tag_id)}}
    with refused(BadPayload, 65303):
        shop.push_conditional_menu(gold)
    shop.push_menu(MENU)
    with refused(BadPayload, 65304):
        shop.push_conditional_menu({"button": [CLICK], "matchrule": {}})
    menu_id = shop.push_conditional_menu(gold)
    assert [str(each["menuid"]) for each in shop.read_menus()["conditionalmenu"]] == [menu_id]
    assert [shop.match_menu(person)[0]["name"] for person in (lin, zhao)] == ["金卡", "会员卡"]
    shop.delete_conditional_menu(menu_id)
    assert shop.match_menu(lin)[0]["name"] == "会员卡"
    with refused(BadPayload, 65301):
        shop.delete_conditional_menu(menu_id)


@pytest.mark.parametrize(("scene", "permanent", "expire_s", "lasts"), [("spring", True, 0, 0), (7, True, 0, 0), ("spring", False, 600, 600), (7, False, 0, 2_592_000)])  # fmt: skip
def test_a_code_says_its_url_and_how_long_it_lasts(shop: Gateway, scene: str | int, permanent: bool, expire_s: int, lasts: int) -> None:
    code = shop.create_qr(scene, permanent, expire_s)
    assert code.ticket.startswith("gQ")
    assert code.url.startswith("http://weixin.qq.com/q/")
    assert code.expire_s == lasts
    again = shop.create_qr(scene, permanent, expire_s)
    assert (again.ticket == code.ticket) is permanent


@pytest.mark.parametrize(
    ("scene", "permanent", "expire_s", "code"),
    [("", True, 0, 40053), ("s" * 65, True, 0, 40053), (0, True, 0, 40053), (100_001, True, 0, 40053), (1 << 32, False, 60, 40053), ("a", False, 2_592_001, 40035)],
)  # fmt: skip
def test_a_scene_beyond_the_limits_is_refused(shop: Gateway, scene: str | int, permanent: bool, expire_s: int, code: int) -> None:
    with refused(BadPayload, code):
        shop.create_qr(scene, permanent, expire_s)


def test_a_hundred_thousand_permanent_codes_and_no_more(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    first = shop.create_qr("first", permanent=True)
    stage.use_quota(service, "qr", 99_999)
    shop.create_qr("last", permanent=True)
    with refused(Throttled, 45009):
        shop.create_qr("one more", permanent=True)
    assert shop.create_qr("first", permanent=True).ticket == first.ticket
    shop.create_qr("temporary", permanent=False)
    stage.advance(86_400)
    with refused(Throttled, 45009):
        shop.create_qr("one more", permanent=True)


def test_codes_are_for_service_accounts(stage: Stage, subscription: OpenAccount) -> None:
    with refused(AccountRefused, 48001):
        stage.gateway(subscription).create_qr("x", permanent=True)
