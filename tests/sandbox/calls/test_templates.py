"""Template messages: checks, duplicates, quota, receipts."""

import pytest

SEND = "/cgi-bin/message/template/send"
CONTENT = "{{thing1.DATA}}\n{{time2.DATA}}\n{{amount3.DATA}}"
GOOD = {"thing1": {"value": "积分到账"}, "time2": {"value": "2026年11月22日 12:00"}, "amount3": {"value": "¥12.50"}}


def send(platform, openid, template_id, data=None, **more):
    return platform.call(SEND, {"touser": openid, "template_id": template_id, "data": data or GOOD, **more})


def test_a_message_reaches_the_screen_and_its_receipt_comes(platform):
    template = platform.template(CONTENT)
    person, openid = platform.follower()
    answer = send(platform, openid, template, url="https://shop.example/x", client_msg_id="c1")
    assert answer["errcode"] == 0
    platform.idle()
    (shown,) = platform.screen(person)
    assert (shown["via"], shown["msgid"], shown["client_msg_id"]) == ("template", answer["msgid"], "c1")
    assert shown["data"] == {name: item["value"] for name, item in GOOD.items()}
    assert shown["url"] == "https://shop.example/x"
    (receipt,) = platform.truth("receipt", msgid=answer["msgid"])
    assert receipt["status"] == "success"
    assert receipt["fields"]["Event"] == "TEMPLATESENDJOBFINISH"
    assert receipt["fields"]["MsgID"] == answer["msgid"]
    assert receipt["fields"]["FromUserName"] == openid


def test_the_same_client_msg_id_sends_once_for_ten_minutes(platform):
    template = platform.template(CONTENT)
    person, openid = platform.follower()
    first, again = (send(platform, openid, template, client_msg_id="c1") for _ in range(2))
    assert again["msgid"] == first["msgid"]
    assert len(platform.screen(person)) == 1
    _, other = platform.follower()
    assert send(platform, other, template, client_msg_id="c1")["msgid"] != first["msgid"]
    platform.control("clock", {"advance_s": 601})
    assert send(platform, openid, template, client_msg_id="c1")["msgid"] != first["msgid"]
    assert len(platform.screen(person)) == 2


def test_client_msg_id_can_be_switched_off(platform):
    platform.control("settings", {"client_msg_id": False})
    template = platform.template(CONTENT)
    person, openid = platform.follower()
    for _ in range(2):
        send(platform, openid, template, client_msg_id="c1")
    assert len(platform.screen(person)) == 2


def test_one_who_left_is_43004_and_a_stranger_40003(platform):
    template = platform.template(CONTENT)
    person, openid = platform.follower()
    platform.act(person, "unfollow")
    assert send(platform, openid, template)["errcode"] == 43004
    assert send(platform, "oStranger", template)["errcode"] == 40003
    assert send(platform, openid[::-1], template)["errcode"] == 40003


def test_unknown_templates_and_deleted_ones_are_40037(platform):
    template = platform.template(CONTENT)
    _, openid = platform.follower()
    assert send(platform, openid, "nope")["errcode"] == 40037
    assert send(platform, openid, ["list"])["errcode"] == 40037
    assert platform.call("/cgi-bin/template/del_private_template", {"template_id": template})["errcode"] == 0
    assert send(platform, openid, template)["errcode"] == 40037


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("thing1", "二十个字" * 5, "二十个字" * 5 + "多"),
        ("number1", "12345.67", "twelve"),
        ("letter1", "ABC", "AB1"),
        ("symbol1", "*+-/%", "*+-/%="),
        ("character_string1", "NO-2026/11", "编号1"),
        ("time1", "2026年11月22日 12:00~2026年11月22日 13:00", "明天"),
        ("date1", "2026-11-22", "someday"),
        ("amount1", "¥1234567890.12元", "12345678901"),
        ("phone_number1", "+86-0766-66888866", "1" * 18),
        ("car_number1", "粤A8Z888挂", "粤A8Z88888挂"),
        ("name1", "十个汉字的名字很好的", "十一个汉字的名字不太好呀"),
        ("phrase1", "已到账", "六个汉字不行"),
        ("phrase2", "成功", "ok"),
        ("const1", "正常", ""),
    ],
)
def test_field_limits_are_47003_and_name_the_field(platform, field, good, bad):
    template = platform.template(f"{{{{{field}.DATA}}}}")
    _, openid = platform.follower()
    assert send(platform, openid, template, {field: {"value": good}})["errcode"] == 0
    refused = send(platform, openid, template, {field: {"value": bad}})
    assert refused["errcode"] == 47003
    assert f"data.{field}.value" in refused["errmsg"]


def test_a_missing_field_is_47003_and_a_surplus_one_is_passed_over(platform):
    template = platform.template(CONTENT)
    person, openid = platform.follower()
    assert send(platform, openid, template, {"thing1": {"value": "x"}})["errcode"] == 47003
    assert send(platform, openid, template, {**GOOD, "thing9": {"value": "x"}})["errcode"] == 0
    assert "thing9" not in platform.screen(person)[0]["data"]


def test_first_and_remark_of_old_templates_are_cut_off_silently(platform):
    template = platform.template("{{first.DATA}} {{keyword1.DATA}} {{remark.DATA}}")
    person, openid = platform.follower()
    data = {"first": {"value": "大促！"}, "keyword1": {"value": "到账"}, "remark": {"value": "快来"}}
    assert send(platform, openid, template, data)["errcode"] == 0
    assert platform.screen(person)[0]["data"] == {"keyword1": "到账"}


def test_the_day_has_a_quota(platform):
    template = platform.template(CONTENT)
    _, openid = platform.follower()
    platform.control("quota", {"appid": "wxA", "kind": "template", "used": 99_999})
    assert [send(platform, openid, template)["errcode"] for _ in range(2)] == [0, 45009]
    platform.control("clock", {"advance_s": 86_400})
    platform.tokens.clear()
    assert send(platform, openid, template)["errcode"] == 0


@pytest.mark.parametrize("kind", ["subscription", "mini"])
def test_only_service_accounts_may_send(platform, kind):
    platform.account("wxO", kind=kind)
    assert platform.call(SEND, {"touser": "o"}, appid="wxO")["errcode"] == 48001


def test_receipts_can_be_withheld_and_let_go(platform):
    platform.control("settings", {"receipts": "withheld"})
    template = platform.template(CONTENT)
    _, openid = platform.follower()
    msgid = send(platform, openid, template)["msgid"]
    assert platform.idle()["receipts_withheld"] == 1
    assert not platform.truth("receipt", msgid=msgid)
    platform.control("settings", {"receipts": "auto"})
    platform.idle()
    assert len(platform.truth("receipt", msgid=msgid)) == 1


def test_receipts_can_say_blocked_or_failed(platform):
    template = platform.template(CONTENT)
    _, openid = platform.follower()
    for setting, status in (("block_percent", "failed:user block"), ("fail_percent", "failed: system failed")):
        platform.control("settings", {"receipts": {"delay_s": [0, 0], setting: 100}})
        msgid = send(platform, openid, template)["msgid"]
        platform.idle()
        assert platform.truth("receipt", msgid=msgid)[0]["status"] == status


def test_the_list_shows_templates_and_25_are_enough(platform):
    platform.template(CONTENT, template_id="T1")
    platform.template(CONTENT, template_id="S1", purpose="subscribe")
    listed = platform.call("/cgi-bin/template/get_all_private_template")["template_list"]
    assert [(t["template_id"], t["content"]) for t in listed] == [("T1", CONTENT)]
    added = platform.call("/cgi-bin/template/api_add_template", {"template_id_short": "43210", "keyword_name_list": ["thing1", "phrase2"]})
    assert "{{phrase2.DATA}}" in platform.call("/cgi-bin/template/get_all_private_template")["template_list"][1]["content"]
    assert added["template_id"]
    platform.control("settings", {"quota": {"templates": 3}})
    assert platform.call("/cgi-bin/template/api_add_template", {"template_id_short": "1"})["errcode"] == 45026


def test_an_accepted_send_is_in_the_log_before_its_answer(platform):
    template = platform.template(CONTENT)
    _, openid = platform.follower()
    for number in range(20):
        msgid = send(platform, openid, template, client_msg_id=f"c{number}")["msgid"]
        assert platform.truth("message", msgid=msgid)
        assert platform.truth("call", msgid=msgid)
