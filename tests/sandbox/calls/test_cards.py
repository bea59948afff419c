"""Legacy cards, their codes and members."""

import copy

import pytest

MEMBER = {
    "card": {
        "card_type": "MEMBER_CARD",
        "member_card": {
            "base_info": {
                "logo_url": "http://mmbiz.qpic.cn/x",
                "brand_name": "海岸百货",
                "code_type": "CODE_TYPE_BARCODE",
                "title": "海岸会员卡",
                "color": "Color010",
                "notice": "结账时出示",
                "description": "积分可抵现",
                "date_info": {"type": "DATE_TYPE_PERMANENT"},
                "sku": {"quantity": 2},
                "get_limit": 1,
            },
            "prerogative": "积分",
            "supply_bonus": True,
            "supply_balance": False,
            "wx_activate": True,
        },
    }
}


def create(platform, **base):
    wanted = copy.deepcopy(MEMBER)
    wanted["card"]["member_card"]["base_info"].update(base)
    return platform.call("/card/create", wanted)


def member(platform):
    card_id = create(platform)["card_id"]
    person, openid = platform.follower()
    code = platform.act(person, "take_card", card_id=card_id, outer_str="door-1")["code"]
    return card_id, person, openid, code


def events(platform, name):
    return [r["fields"] for r in platform.truth("act") if r.get("fields", {}).get("Event") == name]


def test_taking_a_card_tells_the_account_and_lowers_the_stock(platform):
    card_id, person, openid, code = member(platform)
    fields = events(platform, "user_get_card")[-1]
    assert (fields["CardId"], fields["UserCardCode"], fields["OuterStr"], fields["FromUserName"]) == (card_id, code, "door-1", openid)
    assert platform.call("/card/get", {"card_id": card_id})["card"]["member_card"]["base_info"]["sku"] == {
        "quantity": 1,
        "total_quantity": 2,
    }
    platform.act(person, "take_card", card_id=card_id, expect=409)
    assert platform.call("/card/user/getcardlist", {"openid": openid})["card_list"] == [{"code": code, "card_id": card_id}]


def test_the_stock_ends_and_can_be_raised(platform):
    card_id = create(platform, sku={"quantity": 0})["card_id"]
    (person,) = platform.people()
    platform.act(person, "take_card", card_id=card_id, expect=409)
    assert platform.call("/card/modifystock", {"card_id": card_id, "increase_stock_value": 1})["errcode"] == 0
    platform.act(person, "take_card", card_id=card_id)
    assert platform.call("/card/modifystock", {"card_id": card_id, "reduce_stock_value": 1})["errcode"] == 40122


def test_a_member_is_activated_and_his_points_are_set(platform):
    card_id, _, openid, code = member(platform)
    info = {"card_id": card_id, "code": code}
    assert platform.call("/card/membercard/userinfo/get", info)["has_active"] is False
    activation = {**info, "membership_number": "M001", "init_bonus": 100}
    assert platform.call("/card/membercard/activate", activation)["errcode"] == 0
    updated = platform.call("/card/membercard/updateuser", {**info, "bonus": 250, "record_bonus": "消费积分"})
    assert (updated["result_bonus"], updated["openid"]) == (250, openid)
    assert platform.call("/card/membercard/updateuser", {**info, "add_bonus": -50})["result_bonus"] == 200
    told = events(platform, "update_member_card")
    assert [event["ModifyBonus"] for event in told[-2:]] == [150, -50]
    shown = platform.call("/card/membercard/userinfo/get", info)
    assert (shown["membership_number"], shown["bonus"], shown["user_card_status"], shown["has_active"]) == ("M001", 200, "NORMAL", True)
    assert platform.call("/card/membercard/updateuser", {**info, "add_bonus": -201})["errcode"] == 40035


def test_the_one_tap_form_is_set_submitted_and_read(platform):
    card_id, person, _, code = member(platform)
    form = {"card_id": card_id, "required_form": {"common_field_id_list": ["USER_FORM_INFO_FLAG_MOBILE"]}}
    assert platform.call("/card/membercard/activateuserform/set", form)["errcode"] == 0
    told = platform.act(person, "submit_card_form", card_id=card_id, code=code)["results"][0]
    assert events(platform, "submit_membercard_user_info")[-1]["UserCardCode"] == code
    shown = platform.call("/card/membercard/userinfo/get", {"card_id": card_id, "code": code})
    phone = platform.control(f"people/{person}")["phone"]
    assert {"name": "USER_FORM_INFO_FLAG_MOBILE", "value": phone} in shown["user_info"]["common_field_list"]
    assert shown["has_active"] is True
    info = platform.call("/card/membercard/activatetempinfo/get", {"activate_ticket": told["activate_ticket"]})["info"]
    assert info["common_field_list"] == shown["user_info"]["common_field_list"]
    assert platform.call("/card/code/decrypt", {"encrypt_code": told["encrypt_code"]})["code"] == code


def test_a_code_is_consumed_once(platform):
    platform.control("settings", {"legacy_coupons": True})
    wanted = copy.deepcopy(MEMBER["card"]["member_card"])
    card_id = platform.call("/card/create", {"card": {"card_type": "CASH", "cash": wanted}})["card_id"]
    person, openid = platform.follower()
    code = platform.act(person, "take_card", card_id=card_id)["code"]
    body = {"card_id": card_id, "code": code}
    assert platform.call("/card/code/get", {**body, "check_consume": True})["can_consume"] is True
    assert platform.call("/card/code/consume", body)["openid"] == openid
    assert platform.call("/card/code/consume", body)["errcode"] == 40099
    assert platform.call("/card/code/get", {**body, "check_consume": True})["errcode"] == 40127
    assert platform.call("/card/code/get", {**body, "check_consume": False})["user_card_status"] == "CONSUMED"
    assert events(platform, "user_consume_card")[-1]["ConsumeSource"] == "FROM_API"


def test_given_away_and_deleted_cards_are_40127(platform):
    card_id, person, _, code = member(platform)
    (friend,) = platform.people()
    body = {"card_id": card_id, "code": code}
    platform.act(person, "give_card", card_id=card_id, code=code)
    assert platform.call("/card/code/consume", body)["errcode"] == 40127
    new = platform.act(friend, "take_card", card_id=card_id, from_code=code)["code"]
    fields = events(platform, "user_get_card")[-1]
    assert (fields["IsGiveByFriend"], fields["OldUserCardCode"], fields["FriendUserName"]) == (1, code, platform.openid(person))
    assert platform.call("/card/code/get", {**body, "check_consume": False})["user_card_status"] == "GIFT_SUCC"
    platform.act(friend, "delete_card", card_id=card_id, code=new)
    assert platform.call("/card/membercard/updateuser", {"card_id": card_id, "code": new, "bonus": 1})["errcode"] == 40127
    platform.act(friend, "delete_card", card_id=card_id, code=new, expect=409)


def test_a_void_card_stays_void_and_codes_can_change(platform):
    card_id, _, openid, code = member(platform)
    assert platform.call("/card/code/update", {"card_id": card_id, "code": code, "new_code": "990011"})["errcode"] == 0
    assert platform.call("/card/code/get", {"code": code})["errcode"] == 40056
    assert platform.call("/card/code/get", {"code": "990011"})["openid"] == openid
    assert platform.call("/card/code/unavailable", {"code": "990011", "reason": "退卡"})["errcode"] == 0
    assert platform.call("/card/code/consume", {"code": "990011"})["errcode"] == 40078


def test_new_coupons_are_refused_since_2021(platform):
    wanted = {"card": {"card_type": "GENERAL_COUPON", "general_coupon": MEMBER["card"]["member_card"]}}
    assert platform.call("/card/create", wanted)["errcode"] == 48001


@pytest.mark.parametrize(
    ("base", "errcode"),
    [({"title": "十个字的标题太长啦啊"}, 45021), ({"notice": ""}, 41011), ({"sku": {"quantity": -1}}, 40122), ({"code_type": "X"}, 40097)],
)
def test_a_wrong_card_is_refused(platform, base, errcode):
    assert create(platform, **base)["errcode"] == errcode


def test_a_card_is_listed_changed_and_deleted(platform):
    card_id = create(platform)["card_id"]
    assert platform.call("/card/batchget", {"offset": 0, "count": 10})["card_id_list"] == [card_id]
    change = {"card_id": card_id, "member_card": {"base_info": {"title": "新会员卡"}, "prerogative": "双倍积分"}}
    assert platform.call("/card/update", change) == {"errcode": 0, "errmsg": "ok", "send_check": False}
    shown = platform.call("/card/get", {"card_id": card_id})["card"]["member_card"]
    assert (shown["base_info"]["title"], shown["base_info"]["brand_name"], shown["prerogative"]) == ("新会员卡", "海岸百货", "双倍积分")
    assert platform.call("/card/delete", {"card_id": card_id})["errcode"] == 0
    assert platform.call("/card/get", {"card_id": card_id})["errcode"] == 45030
    assert platform.call("/card/get", {})["errcode"] == 41012


def test_a_code_hands_out_cards(platform):
    card_id = create(platform)["card_id"]
    wanted = {"action_name": "QR_CARD", "expire_seconds": 1800, "action_info": {"card": {"card_id": card_id, "outer_str": "12b"}}}
    code = platform.call("/card/qrcode/create", wanted)
    assert code["show_qrcode_url"].endswith(code["ticket"])
    assert platform.show_code(code["ticket"]).headers["Content-Type"] == "image/png"
    assert platform.call("/card/qrcode/create", {**wanted, "expire_seconds": 30})["errcode"] == 40097
    custom = create(platform, use_custom_code=True)["card_id"]
    wanted["action_info"]["card"]["card_id"] = custom
    assert platform.call("/card/qrcode/create", wanted)["errcode"] == 40056
