"""WeChat's limits on a menu, its normal form, and what differs."""

from typing import Any

import pytest

from app.core.errors import BadRequestError
from handlers.menu_buttons import Difference, check_buttons, differences, digest, normal

CLICK = {"type": "click", "name": "优惠券", "key": "MENU_COUPON"}
VIEW = {"type": "view", "name": "商城", "url": "https://shop.example/"}
MINI = {"type": "miniprogram", "name": "小程序", "url": "https://shop.example/", "appid": "wx123", "pagepath": "pages/index"}
FOLDER = {"name": "服务", "sub_button": [CLICK, VIEW, MINI]}


def test_a_good_menu_comes_back_in_normal_form() -> None:
    loud = [{**CLICK, "sub_button": []}, {**FOLDER, "type": None}]
    assert check_buttons(loud) == [CLICK, FOLDER]


@pytest.mark.parametrize(
    ("buttons", "place"),
    [
        ([], "1 to 3"),
        ([CLICK] * 4, "1 to 3"),
        ("menu", "1 to 3"),
        ([7], "button 1"),
        ([CLICK, {**CLICK, "name": "六个汉字太长"}], "button 2 name"),
        ([{**CLICK, "name": ""}], "button 1"),
        ([{**CLICK, "key": "k" * 129}], "button 1 click.key"),
        ([{**CLICK, "key": None}], "button 1 click.key"),
        ([{**VIEW, "url": "https://shop.example/" + "x" * 1024}], "button 1 view.url"),
        ([{**VIEW, "url": "javascript:alert(1)"}], "button 1 view.url"),
        ([{**VIEW, "type": "teleport"}], "button 1"),
        ([{**FOLDER, "sub_button": [CLICK] * 6}], "button 1 sub_button"),
        ([{**FOLDER, "sub_button": [{**CLICK, "name": "长" * 21}]}], "button 1 sub_button.1"),
        ([{**FOLDER, "sub_button": [FOLDER]}], "button 1 sub_button.1"),
        ([{"name": "空"}], "button 1"),
        ([{**MINI, "appid": ""}], "button 1 miniprogram.appid"),
    ],
)
def test_a_bad_menu_names_its_place(buttons: Any, place: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        check_buttons(buttons)
    assert caught.value.code == "bad_menu"
    assert place in caught.value.detail


def test_the_longest_of_everything_is_allowed() -> None:
    below = [{"type": "click", "name": "长" * 20, "key": "k" * 128}] * 5
    assert check_buttons([{"name": "五个汉字啊", "sub_button": below}] * 3)


def test_differences_are_found_place_by_place() -> None:
    theirs = [
        {**CLICK, "sub_button": []},
        {"name": "帮助", "type": "", "sub_button": [{**CLICK, "key": "OLD", "sub_button": []}, VIEW, MINI]},
    ]
    assert differences([CLICK, FOLDER, VIEW], theirs) == [
        Difference("2", {"name": "服务"}, {"name": "帮助"}),
        Difference("2.1", CLICK, {**CLICK, "key": "OLD"}),
        Difference("3", VIEW, None),
    ]
    assert differences([CLICK], [{**CLICK, "sub_button": []}]) == []


def test_both_of_wechats_own_forms_are_read() -> None:
    assert normal([{"name": "服务", "sub_button": {"list": [CLICK]}}]) == [{"name": "服务", "sub_button": [CLICK]}]
    assert digest([{**CLICK, "sub_button": []}]) == digest([CLICK])
    assert digest([VIEW]) != digest([CLICK])
