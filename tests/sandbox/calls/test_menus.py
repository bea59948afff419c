"""Menus, default and conditional."""

import pytest

BUTTONS = [
    {"type": "click", "name": "今日优惠", "key": "TODAY"},
    {"name": "会员", "sub_button": [{"type": "view", "name": "我的卡", "url": "https://shop.example/me"}]},
]


def test_default_menu_is_made_shown_and_deleted(platform):
    assert platform.call("/cgi-bin/menu/get")["errcode"] == 46003
    assert platform.call("/cgi-bin/menu/create", {"button": BUTTONS})["errcode"] == 0
    menu = platform.call("/cgi-bin/menu/get")["menu"]
    assert menu["button"][0] == {**BUTTONS[0], "sub_button": []}
    assert menu["button"][1]["sub_button"][0]["url"] == "https://shop.example/me"
    assert platform.call("/cgi-bin/menu/delete")["errcode"] == 0
    assert platform.call("/cgi-bin/menu/get")["errcode"] == 46003


def test_a_conditional_menu_shows_to_those_with_the_tag(platform):
    rule = {"tag_id": str(platform.call("/cgi-bin/tags/create", {"tag": {"name": "vip"}})["tag"]["id"])}
    special = [{"type": "click", "name": "贵宾", "key": "VIP"}]
    wanted = {"button": special, "matchrule": rule}
    assert platform.call("/cgi-bin/menu/addconditional", wanted)["errcode"] == 65303
    platform.call("/cgi-bin/menu/create", {"button": BUTTONS})
    menuid = platform.call("/cgi-bin/menu/addconditional", wanted)["menuid"]
    (_, tagged), (_, plain) = platform.follower(), platform.follower()
    platform.call("/cgi-bin/tags/members/batchtagging", {"openid_list": [tagged], "tagid": int(rule["tag_id"])})
    assert platform.call("/cgi-bin/menu/trymatch", {"user_id": tagged})["button"][0]["key"] == "VIP"
    assert platform.call("/cgi-bin/menu/trymatch", {"user_id": plain})["button"][0]["key"] == "TODAY"
    assert platform.call("/cgi-bin/menu/get")["conditionalmenu"][0]["matchrule"] == rule
    assert platform.call("/cgi-bin/menu/delconditional", {"menuid": menuid})["errcode"] == 0
    assert platform.call("/cgi-bin/menu/trymatch", {"user_id": tagged})["button"][0]["key"] == "TODAY"
    assert platform.call("/cgi-bin/menu/addconditional", {"button": special, "matchrule": {}})["errcode"] == 65304


@pytest.mark.parametrize(
    ("buttons", "errcode"),
    [
        ([], 40016),
        (BUTTONS * 2, 40016),
        ([{"type": "click", "name": "", "key": "k"}], 40018),
        ([{"type": "click", "name": "六个汉字太长", "key": "k"}], 40018),
        ([{"type": "dance", "name": "x"}], 40017),
        ([{"type": "click", "name": "x"}], 40019),
        ([{"type": "view", "name": "x", "url": ""}], 40020),
        ([{"name": "x", "sub_button": [BUTTONS[0]] * 6}], 40023),
    ],
)
def test_a_wrong_menu_is_refused(platform, buttons, errcode):
    assert platform.call("/cgi-bin/menu/create", {"button": buttons})["errcode"] == errcode
