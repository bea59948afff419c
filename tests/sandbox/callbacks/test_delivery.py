import base64
import json
import threading

import pytest

from sandbox.callbacks.crypto import decode_key, decrypt, encrypt, signature
from tests.sandbox.driver import AES_KEY, fields_of, text_reply

APOLOGY = "该公众号暂时无法提供服务，请稍后再试"


@pytest.fixture
def wired(platform, shop):
    """The shared platform whose account wxA has a server."""
    platform.account(callback_url=shop.url)
    platform.control("callbacks", {"retry_after_s": [0, 0, 0], "card_retry_after_s": [0] * 10})
    yield platform
    platform.control("reset", {})


def opened(call):
    """Check the signatures of a safe call and return its decrypted body."""
    query, sealed = call.query, fields_of(call.body)["Encrypt"]
    assert query["encrypt_type"] == "aes"
    assert query["signature"] == signature("tok", query["timestamp"], query["nonce"])
    assert query["msg_signature"] == signature("tok", query["timestamp"], query["nonce"], sealed)
    return decrypt(decode_key(AES_KEY), "wxA", sealed)


def test_plain_mode_sends_signed_xml(wired, shop):
    person, openid = wired.follower()
    wired.act(person, "write", text="在吗 <b> ]]> 1&2", at=1_790_000_000)
    wired.idle()
    follow, write = shop.calls
    assert follow.query["signature"] == signature("tok", follow.query["timestamp"], follow.query["nonce"])
    assert (write.query["openid"], "msg_signature" in write.query) == (openid, False)
    assert write.headers["Content-Type"] == "text/xml"
    text = write.body.decode()
    assert "<CreateTime>1790000000</CreateTime>" in text
    assert "<Content><![CDATA[在吗 <b> ]]]]><![CDATA[> 1&2]]></Content>" in text
    assert "<MsgId>" in text


def test_safe_mode_sends_nothing_in_clear(wired, shop):
    wired.account(callback_url=shop.url, mode="safe")
    _, openid = wired.follower()
    wired.idle()
    (call,) = shop.calls
    assert set(fields_of(call.body)) == {"ToUserName", "Encrypt"}
    assert fields_of(opened(call))["FromUserName"] == openid


def test_compatible_mode_sends_both(wired, shop):
    wired.account(callback_url=shop.url, mode="compatible")
    wired.follower()
    wired.idle()
    (call,) = shop.calls
    clear, sealed = fields_of(call.body), fields_of(opened(call))
    assert clear.pop("Encrypt")
    assert clear == sealed


def test_a_mini_program_may_get_json(wired, shop):
    wired.account("wxM", kind="mini", format="json", mode="safe", callback_url=shop.url)
    (person,) = wired.people()
    wired.act(person, "subscribe_popup", appid="wxM", template_id="T", status="accept")
    wired.idle()
    body = json.loads(shop.calls[0].body)
    fields = json.loads(decrypt(decode_key(AES_KEY), "wxM", body["Encrypt"]))
    assert fields["Event"] == "subscribe_msg_popup_event"
    assert fields["List"]["TemplateId"] == "T"


def test_a_failing_server_gets_the_same_body_four_times_freshly_signed(wired, shop):
    wired.account(callback_url=shop.url, mode="safe")
    shop.answer = lambda _: (500, b"")
    wired.follower()
    figures = wired.idle()
    assert len(shop.calls) == 4
    assert len({opened(call) for call in shop.calls}) == 1
    assert len({call.query["msg_signature"] for call in shop.calls}) == 4
    assert len({fields_of(call.body)["Encrypt"] for call in shop.calls}) == 4
    assert (figures["callbacks_ok"], figures["callbacks_failed"]) == (0, 4)
    answers = wired.truth("answer")[-4:]
    assert [(a["try"], a["status"], a["done"]) for a in answers] == [(1, 500, False), (2, 500, False), (3, 500, False), (4, 500, True)]


def test_it_stops_repeating_once_somebody_answers(wired, shop):
    shop.answer = lambda _: (200, b"success") if len(shop.calls) == 3 else (502, b"")
    wired.follower()
    assert wired.idle()["callbacks_ok"] == 1
    assert len(shop.calls) == 3


def test_card_events_are_repeated_ten_times(wired, shop):
    (person,) = wired.people()
    shop.answer = lambda _: (500, b"")
    wired.act(person, "take_card", card_id="pOld")
    wired.idle()
    assert len(shop.calls) == 11


def test_garbage_for_a_card_event_is_repeated_three_times(wired, shop):
    (person,) = wired.people()
    shop.answer = lambda _: (200, b"{}")
    wired.act(person, "take_card", card_id="pOld")
    wired.idle()
    assert len(shop.calls) == 4


def test_no_answer_in_time_is_cut_off_and_repeated(wired, shop):
    wired.control("callbacks", {"timeout_s": 0.2, "retry_after_s": [0]})
    gate = threading.Event()

    def answer(_):
        if len(shop.calls) == 1:
            gate.wait(20)
        return (200, b"success")

    shop.answer = answer
    wired.follower()
    assert wired.idle()["callbacks_ok"] == 1
    gate.set()
    first, second = wired.truth("answer")[-2:]
    assert (first["status"], first["error"]) == (0, "timeout")
    assert (second["status"], second["try"]) == (200, 2)


def test_a_server_that_is_down_is_noted(wired, shop):
    wired.account(callback_url="http://127.0.0.1:9/wechat")
    wired.follower()
    wired.idle()
    assert [a["error"] for a in wired.truth("answer")[-4:]] == ["refused"] * 4


def test_every_event_twice(wired, shop):
    wired.control("callbacks", {"duplicate": 1})
    wired.follower()
    figures = wired.idle()
    assert len(shop.calls) == 2
    assert shop.calls[0].body == shop.calls[1].body
    assert shop.calls[0].query != shop.calls[1].query
    assert figures["callbacks_ok"] == 2


def test_repeats_can_be_lost(wired, shop):
    wired.control("callbacks", {"lose_retry": 1})
    shop.answer = lambda _: (500, b"")
    wired.follower()
    wired.idle()
    assert len(shop.calls) == 1


def test_events_can_overtake_each_other(wired, shop):
    wired.control("callbacks", {"reorder": 0.5, "concurrency": 1})
    people = wired.people(40)
    wired.control("act", [{"person": p, "appid": "wxA", "do": "follow"} for p in people])
    wired.idle()
    came = [fields_of(call.body)["FromUserName"] for call in shop.calls]
    sent = [wired.openid(person) for person in people]
    assert sorted(came) == sorted(sent)
    assert came != sent


def test_late_events_come_after_later_ones(wired, shop):
    wired.control("callbacks", {"late": 0.5, "late_s": 0.3, "concurrency": 1})
    people = wired.people(40)
    wired.control("act", [{"person": p, "appid": "wxA", "do": "follow"} for p in people])
    wired.idle()
    came = [fields_of(call.body)["FromUserName"] for call in shop.calls]
    assert sorted(came) == sorted(wired.openid(person) for person in people)
    assert came != [wired.openid(person) for person in people]


def test_paused_callbacks_wait(wired, shop):
    wired.control("callbacks", {"paused": True})
    wired.follower()
    assert wired.control("idle", {"timeout_s": 0})["callbacks_pending"] == 1
    assert shop.calls == []
    wired.control("callbacks", {"paused": False})
    wired.idle()
    assert len(shop.calls) == 1


def test_a_text_reply_reaches_the_screen_once_though_the_event_came_twice(wired, shop):
    wired.control("callbacks", {"duplicate": 1})

    def answer(call):
        fields = fields_of(call.body)
        return (200, text_reply(fields["FromUserName"], fields["ToUserName"], "欢迎"))

    shop.answer = answer
    person, _ = wired.follower()
    wired.idle()
    (shown,) = wired.screen(person)
    assert (shown["via"], shown["msgtype"], shown["data"]) == ("reply", "text", {"content": "欢迎"})


def sealed_reply(plain, *, token="tok", appid="wxA", break_signature=False):
    sealed = encrypt(decode_key(AES_KEY), appid, plain)
    proof = signature(token, "1700000000", "n", sealed)
    proof = proof[::-1] if break_signature else proof
    return (
        f"<xml><Encrypt><![CDATA[{sealed}]]></Encrypt><MsgSignature>{proof}</MsgSignature>"
        "<TimeStamp>1700000000</TimeStamp><Nonce><![CDATA[n]]></Nonce></xml>"
    ).encode()


def test_an_encrypted_reply_is_opened(wired, shop):
    wired.account(callback_url=shop.url, mode="safe")

    def answer(call):
        fields = fields_of(opened(call))
        return (200, sealed_reply(text_reply(fields["FromUserName"], fields["ToUserName"], "欢迎")))

    shop.answer = answer
    person, _ = wired.follower()
    wired.idle()
    assert wired.screen(person)[0]["data"] == {"content": "欢迎"}


@pytest.mark.parametrize(
    "make",
    [
        lambda plain: plain,
        lambda plain: sealed_reply(plain, token="other"),
        lambda plain: sealed_reply(plain, appid="wxOther"),
        lambda plain: sealed_reply(plain, break_signature=True),
        lambda plain: sealed_reply(b"<xml>"),
    ],
    ids=["clear", "token", "appid", "signature", "inside"],
)
def test_a_reply_that_is_not_sealed_rightly_is_garbage_in_safe_mode(wired, shop, make):
    wired.account(callback_url=shop.url, mode="safe")

    def answer(call):
        fields = fields_of(opened(call))
        return (200, make(text_reply(fields["FromUserName"], fields["ToUserName"], "欢迎")))

    shop.answer = answer
    person, _ = wired.follower()
    wired.idle()
    (shown,) = wired.screen(person)
    assert (shown["msgtype"], shown["data"]) == ("platform_error", {"content": APOLOGY})
    assert wired.truth("answer")[-1]["reply"] == "garbage"
    assert len(shop.calls) == 1


BAD = {
    "json": lambda to, me: b'{"ok":true}',
    "html": lambda to, me: b"<html><body>500</body></html>",
    "words": lambda to, me: b"SUCCESSFUL",
    "swapped": lambda to, me: text_reply(me, to, "x"),
    "stranger": lambda to, me: text_reply("oStranger", me, "x"),
    "empty text": lambda to, me: text_reply(to, me, ""),
    "long text": lambda to, me: text_reply(to, me, "字" * 700),
    "entities": lambda to, me: b'<!DOCTYPE x [<!ENTITY a "b">]>' + text_reply(to, me, "x"),
    "media": lambda to, me: text_reply(to, me, "x").replace(b"text", b"image").replace(b"Content", b"Image"),
    "type": lambda to, me: text_reply(to, me, "x").replace(b"[text]", b"[dance]"),
    "no time": lambda to, me: text_reply(to, me, "x").replace(b"1700000000", b"now"),
    "bytes": lambda to, me: b"\xff\xfe\x00",
    "huge": lambda to, me: b" " + b"x" * 70_000,
    "broken out": lambda to, me: text_reply(to, me, "x]]><y>"),
}


@pytest.mark.parametrize("kind", sorted(BAD))
def test_garbage_shows_the_platforms_apology(wired, shop, kind):
    person, openid = wired.follower()
    wired.idle()
    shop.answer = lambda call: (200, BAD[kind](openid, fields_of(call.body)["ToUserName"]))
    wired.act(person, "write", text="在吗")
    wired.idle()
    assert wired.screen(person)[-1]["data"] == {"content": APOLOGY}
    assert len(shop.calls) == 2


@pytest.mark.parametrize("body", [b"", b"success", b" success\n"])
def test_nothing_to_say_shows_nothing(wired, shop, body):
    shop.answer = lambda _: (200, body)
    person, _ = wired.follower()
    wired.act(person, "write", text="在吗")
    wired.idle()
    assert wired.screen(person) == []


def test_no_answer_at_all_shows_the_apology_after_the_last_repeat(wired, shop):
    person, _ = wired.follower()
    wired.idle()
    shop.answer = lambda _: None
    wired.act(person, "write", text="在吗")
    wired.idle()
    assert wired.screen(person)[-1]["msgtype"] == "platform_error"
    assert wired.truth("answer")[-1]["error"] == "closed"


def reply_of(inner, kind):
    def make(to, me):
        return text_reply(to, me, "x").replace(b"[text]", f"[{kind}]".encode()).replace(b"<Content><![CDATA[x]]></Content>", inner.encode())

    return make


ARTICLE = "<item><Title>上新</Title><Description>秋装</Description><PicUrl>https://p</PicUrl><Url>https://u</Url></item>"


@pytest.mark.parametrize(
    ("kind", "inner", "data"),
    [
        (
            "news",
            f"<ArticleCount>1</ArticleCount><Articles>{ARTICLE}</Articles>",
            {"articles": [{"title": "上新", "description": "秋装", "picurl": "https://p", "url": "https://u"}]},
        ),
        ("image", "<Image><MediaId>MEDIA</MediaId></Image>", {"media_id": "MEDIA"}),
        ("voice", "<Voice><MediaId>MEDIA</MediaId></Voice>", {"media_id": "MEDIA"}),
        (
            "video",
            "<Video><MediaId>MEDIA</MediaId><Title>t</Title><Description>d</Description></Video>",
            {"media_id": "MEDIA", "title": "t", "description": "d"},
        ),
        (
            "music",
            "<Music><Title>t</Title><Description>d</Description><MusicUrl>u</MusicUrl><HQMusicUrl>h</HQMusicUrl><ThumbMediaId>MEDIA</ThumbMediaId></Music>",
            {"title": "t", "description": "d", "musicurl": "u", "hqmusicurl": "h"},
        ),
    ],
)
def test_every_kind_of_reply_is_understood(wired, shop, kind, inner, data):
    person, openid = wired.follower()
    wired.act(person, "send_image")
    wired.idle()
    media = fields_of(shop.calls[-1].body)["MediaId"]
    shop.answer = lambda call: (200, reply_of(inner.replace("MEDIA", media), kind)(openid, fields_of(call.body)["ToUserName"]))
    wired.act(person, "write", text="在吗")
    wired.idle()
    shown = wired.screen(person)[-1]
    assert (shown["msgtype"], shown["data"]) == (kind, {k: v.replace("MEDIA", media) if isinstance(v, str) else v for k, v in data.items()})


def test_a_hand_over_to_customer_service_shows_nothing(wired, shop):
    person, openid = wired.follower()
    wired.idle()
    transfer = reply_of("<TransInfo><KfAccount>chen@shop</KfAccount></TransInfo>", "transfer_customer_service")
    shop.answer = lambda call: (200, transfer(openid, fields_of(call.body)["ToUserName"]))
    wired.act(person, "write", text="人工")
    wired.idle()
    assert wired.screen(person) == []
    assert wired.truth("answer")[-1]["reply"] == "transfer_customer_service"


def test_the_log_knows_an_event_before_it_goes_out(wired, shop):
    seen = []

    def answer(call):
        openid = call.query["openid"]
        seen.append((bool(wired.truth("act", openid=openid)), bool(wired.truth("callback"))))
        return (200, b"")

    shop.answer = answer
    for _ in range(5):
        wired.follower()
    wired.idle()
    assert seen == [(True, True)] * 5


def test_a_receipt_is_an_event_like_any_other(wired, shop):
    template = wired.template()
    _, openid = wired.follower()
    sent = wired.call("/cgi-bin/message/template/send", {"touser": openid, "template_id": template, "data": {"thing1": {"value": "x"}}})
    wired.idle()
    body = shop.calls[-1].body.decode()
    assert f"<MsgID>{sent['msgid']}</MsgID>" in body
    assert "<Status><![CDATA[success]]></Status>" in body


def test_the_aes_key_decodes_as_the_platform_says():
    assert decode_key(AES_KEY) == base64.b64decode(AES_KEY + "=")
    assert len(decode_key(AES_KEY)) == 32
