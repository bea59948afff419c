"""Log-in on a PC: the code, the phone that agrees or refuses, the way back, and what a website application may not do."""

import json
import re
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

BACK = "http://127.0.0.1:9/clerk"


@pytest.fixture
def website(platform):
    platform.control("accounts", {"appid": "wxSite", "secret": "site-secret", "kind": "website", "name": "粉卡后台"})
    return platform


def show(platform, **more):
    query = {"appid": "wxSite", "redirect_uri": BACK, "response_type": "code", "scope": "snsapi_login", "state": "s1", **more}
    return platform.request("GET", f"/connect/qrconnect?{urlencode(query)}")


def uuid_of(answer):
    return re.search(r"uuid=([\w-]+)", unescape(answer.body.decode()))[1]


def on_phone(platform, uuid, **more):
    return platform.request("GET", f"/connect/confirm?{urlencode({'uuid': uuid, **more})}")


def wait(platform, uuid):
    return platform.request("GET", f"/connect/qrconnect?uuid={uuid}")


def exchange(platform, code):
    query = {"appid": "wxSite", "secret": "site-secret", "code": code, "grant_type": "authorization_code"}
    return json.loads(platform.request("GET", f"/sns/oauth2/access_token?{urlencode(query)}").body)


def code_of(platform, person):
    uuid = uuid_of(show(platform))
    on_phone(platform, uuid, sandbox_person=person, answer="yes")
    return parse_qs(urlsplit(wait(platform, uuid).headers["Location"]).query)["code"][0]


def test_who_scans_and_agrees_brings_the_browser_back_with_code_and_state(website):
    person, _ = website.people(2)
    page = show(website)
    uuid = uuid_of(page)
    assert "粉卡后台" in page.body.decode()
    assert b"data:image/png;base64," in page.body
    assert wait(website, uuid).status == 200
    assert f"sandbox_person={person}".encode() in on_phone(website, uuid).body
    assert b"answer=yes" in on_phone(website, uuid, sandbox_person=person).body
    assert wait(website, uuid).status == 200
    on_phone(website, uuid, sandbox_person=person, answer="yes")
    back = urlsplit(wait(website, uuid).headers["Location"])
    query = parse_qs(back.query)
    assert (back.netloc, back.path, query["state"]) == ("127.0.0.1:9", "/clerk", ["s1"])
    told = exchange(website, query["code"][0])
    assert (told["openid"], told["scope"]) == (website.control(f"people/{person}")["openids"]["wxSite"], "snsapi_login")
    assert exchange(website, query["code"][0])["errcode"] == 40163
    name = {"access_token": told["access_token"], "openid": told["openid"]}
    who = json.loads(website.request("GET", f"/sns/userinfo?{urlencode(name)}").body)
    assert who["nickname"] == website.control(f"people/{person}")["name"]


def test_a_code_is_scanned_once_and_a_refusal_ends_it(website):
    person, other = website.people(2)
    uuid = uuid_of(show(website))
    on_phone(website, uuid, sandbox_person=person, answer="no")
    assert "已取消" in wait(website, uuid).body.decode()
    assert on_phone(website, uuid, sandbox_person=other, answer="yes").status == 404
    assert wait(website, uuid).status == 200
    first, second = code_of(website, person), code_of(website, other)
    assert exchange(website, first)["openid"] != exchange(website, second)["openid"]


def test_a_code_is_over_after_five_minutes(website):
    (person,) = website.people()
    uuid = uuid_of(show(website))
    website.control("clock", {"advance_s": 301})
    assert wait(website, uuid).status == 404
    assert on_phone(website, uuid, sandbox_person=person, answer="yes").status == 404
    assert wait(website, "never").status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"appid": "wxA"},
        {"appid": "wxNone"},
        {"scope": "snsapi_base"},
        {"response_type": "token"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "http://127.0.0.1/#part"},
        {"state": "x" * 129},
    ],
)
def test_what_the_platform_refuses(website, wrong):
    assert show(website, **wrong).status == 400


def test_a_service_account_does_not_scan_and_a_website_does_not_authorise(website):
    query = {"appid": "wxSite", "redirect_uri": BACK, "response_type": "code", "scope": "snsapi_base", "state": "s"}
    assert website.request("GET", f"/connect/oauth2/authorize?{urlencode(query)}").status == 400


def test_what_was_scanned_is_known_after_a_restart(website):
    (person,) = website.people()
    uuid = uuid_of(show(website))
    on_phone(website, uuid, sandbox_person=person, answer="yes")
    website.stop()
    website.start()
    code = parse_qs(urlsplit(wait(website, uuid).headers["Location"]).query)["code"][0]
    assert "openid" in exchange(website, code)


def test_nothing_said_by_the_address_becomes_markup(website):
    website.people()
    answer = on_phone(website, "<b>x</b>")
    assert b"<b>x</b>" not in answer.body
    assert b"<i>" not in show(website, state="<i>").body
