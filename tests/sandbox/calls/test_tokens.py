"""Tokens: isolation, rotation, overlap, and the three ways to be wrong."""

import pytest


def valid(platform, token):
    return platform.call("/cgi-bin/getcallbackip", token=token).get("errcode", 0)


def test_the_stable_token_does_not_rotate_inside_its_life(platform):
    first, second = platform.stable(), platform.stable()
    assert first["access_token"] == second["access_token"]
    assert 7190 < second["expires_in"] <= 7200
    assert "errcode" not in first


def test_shortly_before_its_end_a_new_one_comes_and_the_old_one_lives_on_to_its_end(platform):
    old = platform.stable()["access_token"]
    platform.control("clock", {"advance_s": 7200 - 200})
    new = platform.stable()["access_token"]
    assert new != old
    assert (valid(platform, old), valid(platform, new)) == (0, 0)
    platform.control("clock", {"advance_s": 201})
    assert (valid(platform, old), valid(platform, new)) == (42001, 0)


def test_force_refresh_ends_the_old_token_at_once_and_is_rationed(platform):
    old = platform.stable()["access_token"]
    assert platform.stable(force_refresh=True)["errcode"] == 45011
    platform.control("clock", {"advance_s": 31})
    new = platform.stable(force_refresh=True)["access_token"]
    assert (valid(platform, old), valid(platform, new)) == (40001, 0)
    assert platform.stable()["access_token"] == new
    platform.control("quota", {"appid": "wxA", "kind": "force_refresh", "used": 20})
    platform.control("clock", {"advance_s": 31})
    assert platform.stable(force_refresh=True)["errcode"] == 45009


def test_each_legacy_token_replaces_the_one_before_after_five_minutes(platform):
    first = platform.legacy()["access_token"]
    second = platform.legacy()["access_token"]
    assert first != second
    assert (valid(platform, first), valid(platform, second)) == (0, 0)
    platform.control("clock", {"advance_s": 301})
    assert (valid(platform, first), valid(platform, second)) == (40001, 0)


def test_both_kinds_are_isolated(platform):
    stable, legacy = platform.stable()["access_token"], platform.legacy()["access_token"]
    platform.control("clock", {"advance_s": 31})
    forced = platform.stable(force_refresh=True)["access_token"]
    assert [valid(platform, token) for token in (stable, legacy, forced)] == [40001, 0, 0]


def test_missing_unknown_replaced_and_expired_are_told_apart(platform):
    token = platform.token()
    assert valid(platform, "") == 41001
    assert valid(platform, "made-up") == 40014
    platform.control("tokens/expire", {"appid": "wxA"})
    assert valid(platform, token) == 42001
    assert platform.stable()["access_token"] != token


def test_a_shorter_life_can_be_set(platform):
    platform.control("settings", {"token_life_s": 10})
    token = platform.stable()
    assert token["expires_in"] == 10
    platform.control("clock", {"advance_s": 11})
    assert valid(platform, token["access_token"]) == 42001


@pytest.mark.parametrize(
    ("wanted", "errcode"),
    [
        ({"appid": "wxNone"}, 40013),
        ({"secret": "no"}, 40001),
        ({"grant_type": "x"}, 40002),
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
    ],
)
def test_wrong_credentials_are_refused_with_a_rid(platform, wanted, errcode):
    answer = platform.stable(**{"appid": "wxA", "secret": "secret", **wanted})
    assert answer["errcode"] == errcode
    assert " rid: " in answer["errmsg"]


def test_the_legacy_call_is_limited_per_day(platform):
    platform.control("quota", {"appid": "wxA", "kind": "token", "used": 2000})
    assert platform.legacy()["errcode"] == 45009
    platform.control("clock", {"advance_s": 86_400})
    assert "access_token" in platform.legacy()


def test_no_token_stands_in_the_log(platform):
    token, legacy = platform.stable()["access_token"], platform.legacy()["access_token"]
    text = platform.log.read_text()
    assert token not in text
    assert legacy not in text


def test_a_token_works_for_its_own_account_only(platform):
    platform.account("wxB")
    _, openid = platform.follower(appid="wxA")
    assert platform.call("/cgi-bin/user/info", openid=openid, appid="wxB")["errcode"] == 40003


def test_tickets_last_two_hours_and_differ_by_type(platform):
    jsapi, again = (platform.call("/cgi-bin/ticket/getticket", type="jsapi") for _ in range(2))
    card = platform.call("/cgi-bin/ticket/getticket", type="wx_card")
    assert jsapi["ticket"] == again["ticket"] != card["ticket"]
    assert 0 < card["expires_in"] <= 7200
    platform.control("clock", {"advance_s": 7200})
    platform.tokens.clear()
    assert platform.call("/cgi-bin/ticket/getticket", type="jsapi")["ticket"] != jsapi["ticket"]
    assert platform.call("/cgi-bin/ticket/getticket", type="other")["errcode"] == 40097
