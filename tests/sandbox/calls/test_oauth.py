"""Web authorisation on the platform: whose phone it is, the code, and what it is exchanged for."""

import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

BACK = "http://127.0.0.1:9/back?x=1"


def open_page(platform, **more):
    query = {"appid": "wxA", "redirect_uri": BACK, "response_type": "code", "scope": "snsapi_base", "state": "s1", **more}
    return platform.request("GET", f"/connect/oauth2/authorize?{urlencode(query)}")


def code_of(platform, **more):
    answer = open_page(platform, **more)
    assert answer.status == 302, answer.body
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def get(platform, path, **query):
    return json.loads(platform.request("GET", f"{path}?{urlencode(query)}").body)


def exchange(platform, code, *, secret="secret"):
    return get(platform, "/sns/oauth2/access_token", appid="wxA", secret=secret, code=code, grant_type="authorization_code")


def test_the_chosen_phone_comes_back_with_code_and_state(platform):
    (person,) = platform.people()
    platform.control("browser", {"person": person})
    location = urlsplit(open_page(platform).headers["Location"])
    query = parse_qs(location.query)
    assert (location.netloc, query["x"], query["state"]) == ("127.0.0.1:9", ["1"], ["s1"])
    answer = exchange(platform, query["code"][0])
    assert answer["openid"] == platform.control(f"people/{person}")["openids"]["wxA"]
    assert answer["scope"] == "snsapi_base"
    assert "unionid" not in answer
    assert get(platform, "/sns/auth", access_token=answer["access_token"], openid=answer["openid"])["errcode"] == 0
    assert get(platform, "/sns/auth", access_token=answer["access_token"], openid="oOther")["errcode"] == 40003


def test_nobody_chosen_brings_the_page_that_asks(platform):
    person, other = platform.people(2)
    answer = open_page(platform)
    assert answer.status == 200
    assert f"sandbox_person={person}".encode() in answer.body
    first, second = code_of(platform, sandbox_person=person), code_of(platform, sandbox_person=other)
    assert exchange(platform, first)["openid"] != exchange(platform, second)["openid"]


def test_a_code_works_once_and_for_five_minutes(platform):
    (person,) = platform.people()
    platform.control("browser", {"person": person})
    code = code_of(platform)
    assert exchange(platform, code, secret="wrong")["errcode"] == 40001
    assert "openid" in exchange(platform, code)
    assert exchange(platform, code)["errcode"] == 40163
    late = code_of(platform)
    platform.control("clock", {"advance_s": 301})
    assert exchange(platform, late)["errcode"] == 40029
    assert exchange(platform, "made-up")["errcode"] == 40029


def test_the_name_is_told_to_userinfo_only(platform):
    (person,) = platform.people()
    platform.control("browser", {"person": person})
    silent = exchange(platform, code_of(platform))
    assert get(platform, "/sns/userinfo", access_token=silent["access_token"], openid=silent["openid"])["errcode"] == 48001
    asked = exchange(platform, code_of(platform, scope="snsapi_userinfo"))
    told = get(platform, "/sns/userinfo", access_token=asked["access_token"], openid=asked["openid"])
    assert told["nickname"] == platform.control(f"people/{person}")["name"]
    assert told["unionid"] == asked["unionid"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"appid": "wxNone"},
        {"scope": "snsapi_login"},
        {"response_type": "token"},
        {"redirect_uri": "javascript:alert(1)"},
        {"state": "x" * 129},
    ],
)
def test_a_wrong_address_is_an_error_page(platform, wrong):
    platform.control("browser", {"person": platform.people()[0]})
    answer = open_page(platform, **wrong)
    assert answer.status == 400
    assert "Location" not in answer.headers


def test_codes_and_tokens_outlive_a_kill(launch):
    running = launch()
    running.account()
    (person,) = running.people()
    running.control("browser", {"person": person})
    code, spent = code_of(running), code_of(running)
    held = exchange(running, spent)
    running.kill()
    running.start()
    assert exchange(running, spent)["errcode"] == 40163
    assert get(running, "/sns/auth", access_token=held["access_token"], openid=held["openid"])["errcode"] == 0
    assert exchange(running, code)["openid"] == held["openid"]
