"""Faults on demand, and a control plane that says why it refuses."""

import http.client

import pytest

PATH = "/cgi-bin/tags/get"


def code(platform, path=PATH, **more):
    return platform.call(path, **more).get("errcode", 0)


def test_the_next_calls_fail_and_then_no_more(platform):
    platform.token()
    platform.control("faults", {"path": PATH, "errcode": -1, "times": 2})
    assert [code(platform) for _ in range(3)] == [-1, -1, 0]
    assert platform.truth("call", path=PATH)[-3]["fault"]


def test_a_percentage_is_drawn_from_the_seed(platform):
    platform.token()
    platform.control("faults", {"path": PATH, "errcode": 45011, "percent": 50})
    codes = [code(platform) for _ in range(60)]
    assert set(codes) == {0, 45011}


def test_a_fault_may_hit_one_account_only(platform):
    platform.account("wxB")
    platform.token("wxB")
    platform.control("faults", {"path": PATH, "appid": "wxB", "errcode": 48001})
    assert (code(platform), code(platform, appid="wxB")) == (0, 48001)
    platform.control("faults", method="DELETE")
    assert code(platform, appid="wxB") == 0


def test_a_connection_dropped_after_acceptance_leaves_the_message_sent(platform):
    template = platform.template()
    person, openid = platform.follower()
    body = {"touser": openid, "template_id": template, "data": {"thing1": {"value": "x"}}, "client_msg_id": "c1"}
    platform.token()
    platform.control("faults", {"path": "/cgi-bin/message/template/send", "drop_after_accept": True, "times": 1})
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        platform.call("/cgi-bin/message/template/send", body)
    (shown,) = platform.screen(person)
    assert platform.call("/cgi-bin/message/template/send", body)["msgid"] == shown["msgid"]
    assert len(platform.screen(person)) == 1


def test_a_connection_dropped_before_leaves_nothing(platform):
    template = platform.template()
    person, openid = platform.follower()
    platform.token()
    platform.control("faults", {"path": "/cgi-bin/message/template/send", "drop_before": True})
    body = {"touser": openid, "template_id": template, "data": {"thing1": {"value": "x"}}}
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        platform.call("/cgi-bin/message/template/send", body)
    assert platform.screen(person) == []


def test_the_token_calls_can_fail_too(platform):
    platform.control("faults", {"path": "/cgi-bin/stable_token", "errcode": -1, "times": 1})
    assert platform.stable()["errcode"] == -1
    assert "access_token" in platform.stable()


def test_a_calls_own_quota_can_be_set(platform):
    platform.token()
    platform.control("settings", {"quota": {PATH: 2}})
    assert [code(platform) for _ in range(3)] == [0, 0, 45009]
    platform.control("quota", {"appid": "wxA", "kind": PATH, "used": 0})
    assert code(platform) == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"path": PATH, "percent": 101}),
        ("faults", {"path": PATH, "what": 1}),
        ("faults", {"path": PATH, "errcode": "x"}),
        ("callbacks", {"duplicate": 2}),
        ("callbacks", {"late": "often"}),
        ("callbacks", {"retry_after_s": [1] * 21}),
        ("callbacks", {"unknown": 1}),
        ("settings", {"receipts": "never"}),
        ("settings", {"receipts": {"delay_s": [2, 1]}}),
        ("settings", {"latency_ms": -1}),
        ("quota", {"appid": "wxA", "kind": "wishes", "used": 1}),
        ("clock", {"advance_s": -5}),
        ("clock", {}),
        ("people", {"people": "Lin"}),
        ("people", {"count": 100_001}),
        ("accounts", {"appid": "wx/../x", "secret": "s"}),
        ("accounts", {"appid": "wxX"}),
        ("accounts", {"appid": "wxX", "secret": "s", "mode": "safe", "aes_key": "short"}),
        ("accounts", {"appid": "wxX", "secret": "s", "format": "json"}),
        ("accounts", {"appid": "wxX", "secret": "s", "callback_url": "file:///etc/passwd"}),
        ("templates", {"appid": "wxA", "content": "no fields"}),
    ],
)
def test_a_wrong_request_is_400_and_says_why(platform, path, body):
    assert platform.control(path, body, status=400)["error"]


def test_an_unknown_account_is_404(platform):
    platform.control("tokens/expire", {"appid": "wxNone"}, status=404)
    platform.control("people/p999", status=404)
    platform.control("reset", method="PUT", status=405)
