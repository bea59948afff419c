"""Mini programs: codes, phone numbers, subscription messages."""

import base64
import json

import pytest


@pytest.fixture
def mini(platform):
    platform.account("wxM", kind="mini", format="json")
    return platform


def login(mini, code, **wishes):
    query = {"appid": "wxM", "secret": "secret", "js_code": code, "grant_type": "authorization_code", **wishes}
    return json.loads(mini.request("GET", "/sns/jscode2session?" + "&".join(f"{k}={v}" for k, v in query.items())).body)


def test_a_login_code_works_once(mini):
    (person,) = mini.people()
    code = mini.act(person, "login_code", appid="wxM")["code"]
    session = login(mini, code)
    assert session["openid"] == mini.openid(person, appid="wxM")
    assert len(base64.b64decode(session["session_key"])) == 16
    assert session["unionid"]
    assert login(mini, code)["errcode"] == 40029


def test_codes_are_for_one_thing_one_account_and_five_minutes(mini):
    mini.account("wxN", kind="mini")
    (person,) = mini.people()
    phone = mini.act(person, "phone_code", appid="wxM")["code"]
    code = mini.act(person, "login_code", appid="wxM")["code"]
    assert login(mini, phone)["errcode"] == 40029
    assert login(mini, code, appid="wxN")["errcode"] == 40029
    assert login(mini, code, secret="x")["errcode"] == 40001
    mini.control("clock", {"advance_s": 301})
    assert login(mini, code)["errcode"] == 40029


def test_the_phone_number_comes_by_code_and_openid_binds_it(mini):
    (person,) = mini.people()
    code = mini.act(person, "phone_code", appid="wxM")["code"]
    other = mini.people()[0]
    mini.act(other, "enter_mini", appid="wxM")
    ask = "/wxa/business/getuserphonenumber"
    assert mini.call(ask, {"code": code, "openid": mini.openid(other, appid="wxM")}, appid="wxM")["errcode"] == 40003
    info = mini.call(ask, {"code": code, "openid": mini.openid(person, appid="wxM")}, appid="wxM")["phone_info"]
    assert info["purePhoneNumber"] == mini.control(f"people/{person}")["phone"]
    assert info["watermark"]["appid"] == "wxM"
    assert mini.call(ask, {"code": code}, appid="wxM")["errcode"] == 40029


def test_a_hundred_logins_a_minute_and_person(mini):
    mini.control("settings", {"quota": {"login_minute": 2}})
    (person,) = mini.people()
    codes = [mini.act(person, "login_code", appid="wxM")["code"] for _ in range(3)]
    assert [login(mini, code).get("errcode", 0) for code in codes] == [0, 0, 45011]


def test_one_accepted_pop_up_allows_one_message(mini):
    template = mini.template("{{thing1.DATA}}", appid="wxM", purpose="subscribe")
    (person,) = mini.people()
    mini.act(person, "enter_mini", appid="wxM")
    openid = mini.openid(person, appid="wxM")
    body = {"touser": openid, "template_id": template, "page": "pages/order", "data": {"thing1": {"value": "已发货"}}}
    send = "/cgi-bin/message/subscribe/send"
    assert mini.call(send, body, appid="wxM")["errcode"] == 43101
    mini.act(person, "subscribe_popup", appid="wxM", template_id=template, status="accept")
    assert mini.call(send, {**body, "page": "/pages/order"}, appid="wxM")["errcode"] == 41030
    assert [mini.call(send, body, appid="wxM")["errcode"] for _ in range(2)] == [0, 43101]
    mini.idle()
    (receipt,) = mini.truth("receipt", openid=openid)
    assert receipt["fields"]["Event"] == "subscribe_msg_sent_event"
    assert receipt["fields"]["List"]["ErrorStatus"] == "success"


def test_a_refusal_in_the_settings_takes_back_what_was_accepted(mini):
    template = mini.template("{{thing1.DATA}}", purpose="subscribe")
    person, openid = mini.follower()
    body = {"touser": openid, "template_id": template, "data": {"thing1": {"value": "x"}}}
    mini.act(person, "subscribe_popup", template_id=template, status="accept")
    mini.act(person, "subscribe_change", template_id=template, status="reject")
    assert mini.call("/cgi-bin/message/subscribe/bizsend", body)["errcode"] == 43101


def test_a_code_of_a_scene_is_drawn_and_its_scene_checked(mini):
    token = mini.token("wxM")
    good = mini.request("POST", f"/wxa/getwxacodeunlimit?access_token={token}", b'{"scene":"door=1","page":"pages/index"}')
    assert good.headers["Content-Type"] == "image/png"
    assert mini.call("/wxa/getwxacodeunlimit", {"scene": "中文"}, appid="wxM")["errcode"] == 40097
    assert mini.call("/wxa/getwxacodeunlimit", {"scene": "a" * 33}, appid="wxM")["errcode"] == 40097
    assert mini.call("/wxa/getwxacodeunlimit", {"scene": "a", "page": "/pages"}, appid="wxM")["errcode"] == 41030
    mini.control("quota", {"appid": "wxM", "kind": "wxacode_minute", "used": 5000})
    assert mini.call("/wxa/getwxacodeunlimit", {"scene": "a"}, appid="wxM")["errcode"] == 45011


def test_links_and_the_withdrawn_call(mini):
    assert mini.call("/wxa/generate_urllink", {"path": "pages/index", "query": "a=1"}, appid="wxM")["url_link"].startswith(
        "https://wxaurl.cn/"
    )
    assert mini.call("/wxa/generate_urllink", {"expire_interval": 31}, appid="wxM")["errcode"] == 40097
    assert mini.call("/cgi-bin/message/wxopen/template/uniform_send", {}, appid="wxM")["errcode"] == 45109


@pytest.mark.parametrize("path", ["/cgi-bin/tags/create", "/cgi-bin/menu/create", "/cgi-bin/message/mass/send", "/card/create"])
def test_a_mini_program_has_no_right_to_calls_of_accounts(mini, path):
    assert mini.call(path, {}, appid="wxM")["errcode"] == 48001


def test_an_account_has_no_right_to_calls_of_mini_programs(mini):
    assert mini.call("/wxa/business/getuserphonenumber", {"code": "x"})["errcode"] == 48001
    person, _ = mini.follower()
    mini.act(person, "login_code", expect=409)
    mini.act(person, "follow", appid="wxM", expect=409)
