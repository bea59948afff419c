"""No value of a wrong kind, in any field of any call, makes the platform stumble."""

import json
import random

import pytest

import sandbox.app
from sandbox.acts.base import PERFORM
from sandbox.calls.base import ROUTES

JUNK = [None, True, False, 0, -1, 1.5, 1 << 62, "", "x", "0", "9" * 30, "字" * 3000, [], [None], [[]], {}, {"x": {}}, [{}] * 3, "\u0000"]
KEYS = [
    "touser",
    "template_id",
    "data",
    "client_msg_id",
    "url",
    "miniprogram",
    "tag",
    "id",
    "name",
    "tagid",
    "openid_list",
    "openid",
    "remark",
    "user_list",
    "next_openid",
    "button",
    "matchrule",
    "menuid",
    "user_id",
    "action_name",
    "action_info",
    "scene",
    "scene_id",
    "scene_str",
    "expire_seconds",
    "msgtype",
    "text",
    "content",
    "image",
    "media_id",
    "news",
    "articles",
    "music",
    "msgmenu",
    "list",
    "wxcard",
    "card_id",
    "miniprogrampage",
    "filter",
    "is_to_all",
    "tag_id",
    "clientmsgid",
    "speed",
    "msg_id",
    "card",
    "card_type",
    "member_card",
    "base_info",
    "sku",
    "quantity",
    "code",
    "new_code",
    "membership_number",
    "bonus",
    "add_bonus",
    "init_bonus",
    "activate_ticket",
    "encrypt_code",
    "required_form",
    "form",
    "page",
    "path",
    "query",
    "expire_interval",
    "keyword_name_list",
    "template_id_short",
    "command",
    "customservice",
    "increase_stock_value",
    "offset",
    "count",
    "link",
    "mpnews",
    "video",
    "voice",
]
ACT_KEYS = [
    "text",
    "key",
    "url",
    "path",
    "scene",
    "how",
    "lat",
    "lng",
    "label",
    "precision",
    "card_id",
    "code",
    "from_code",
    "outer_str",
    "fee",
    "form",
    "fields",
    "info",
    "status",
    "template_id",
    "at",
    "recognition",
]


def bodies(rng, openid):
    """One junk body with a few plausible parts in it."""
    good = {
        "touser": openid,
        "openid": openid,
        "user_id": openid,
        "template_id": "T1",
        "data": {"thing1": {"value": "x"}},
        "tagid": 100,
        "openid_list": [openid],
        "msgtype": rng.choice(["text", "news", "image", "msgmenu", "wxcard", "miniprogrampage", "music"]),
        "text": {"content": "x"},
        "action_name": rng.choice(["QR_SCENE", "QR_LIMIT_STR_SCENE", "QR_CARD", "QR_MULTIPLE_CARD"]),
        "action_info": {
            "scene": rng.choice(JUNK),
            "card": rng.choice(JUNK),
            "multiple_card": rng.choice([*JUNK, {"card_list": rng.choice(JUNK)}]),
        },
        "card": {"card_type": "MEMBER_CARD", "member_card": rng.choice([*JUNK, {"base_info": rng.choice(JUNK)}])},
        "filter": {"tag_id": rng.choice(JUNK)},
        "tag": {"id": rng.choice(JUNK), "name": rng.choice(JUNK)},
        "code": "110022",
        "card_id": "pOld",
    }
    body = {key: good[key] for key in good if rng.random() < 0.8}
    for key in rng.sample(KEYS, 6):
        body[key] = rng.choice(JUNK)
    if isinstance(body.get("data"), dict):
        body["data"] = {"thing1": rng.choice([*JUNK, {"value": rng.choice(JUNK)}])}
    return body


@pytest.mark.parametrize("seed", range(4))
def test_calls(platform, seed):
    assert sandbox.app.Sandbox
    rng = random.Random(seed)
    platform.account("wxM", kind="mini")
    person, openid = platform.follower()
    platform.template(template_id="T1")
    platform.call("/cgi-bin/tags/create", {"tag": {"name": "t"}})
    platform.act(person, "take_card", card_id="pOld", code="110022")
    for route in ROUTES.values():
        appid = "wxM" if route.kinds == {"mini"} else "wxA"
        token = platform.token(appid)
        for _ in range(8):
            body = json.dumps(bodies(rng, openid)).encode()
            query = f"{route.path}?access_token={token}&openid=%ff&type={rng.choice(['image', 'jsapi', ''])}&tagid=x&next_openid=%00"
            method = "GET" if route.method == "GET" else "POST"
            answer = platform.request(method, query, body)
            assert answer.status == 200, (route.path, body, answer.body)


@pytest.mark.parametrize("seed", range(2))
def test_acts(platform, seed):
    rng = random.Random(seed)
    person, _ = platform.follower()
    for do in PERFORM:
        for _ in range(15):
            act = {"person": person, "appid": "wxA", "do": do} | {key: rng.choice(JUNK) for key in rng.sample(ACT_KEYS, 12)}
            answer = platform.request("POST", "/_control/act", json.dumps(act).encode())
            assert answer.status in {200, 400, 409}, (act, answer.body)
    # All of it can be read again, by the page and after a restart.
    assert platform.request("GET", f"/_control/chat?person={person}&appid=wxA").status == 200


@pytest.mark.parametrize(
    "path", ["accounts", "people", "callbacks", "faults", "tokens/expire", "quota", "settings", "clock", "templates", "verify"]
)
def test_controls(platform, path):
    rng = random.Random(path)
    keys = [
        "appid",
        "secret",
        "kind",
        "name",
        "token",
        "aes_key",
        "mode",
        "callback_url",
        "open_platform",
        "format",
        "people",
        "count",
        "path",
        "errcode",
        "times",
        "percent",
        "latency_ms",
        "used",
        "quota",
        "receipts",
        "advance_s",
        "title",
        "content",
        "template_id",
        "late",
        "retry_after_s",
        "timeout_s",
        "paused",
        "duplicate",
    ]
    for _ in range(60):
        body = {key: rng.choice([*JUNK, "wxA", "template"]) for key in rng.sample(keys, rng.randint(1, 8))}
        answer = platform.request("POST", f"/_control/{path}", json.dumps(body).encode())
        assert answer.status in {200, 400, 404, 409}, (body, answer.body)


def test_a_world_of_junk_is_rebuilt(launch):
    wechat = launch()
    wechat.account()
    test_acts(wechat, 5)
    test_calls(wechat, 5)
    # Refusals are answered before they are on disk; waiting for quiet brings them there.
    before = wechat.idle()
    wechat.kill()
    wechat.start()
    after = wechat.idle()
    assert {**after, "now": 0} == {**before, "now": 0}
