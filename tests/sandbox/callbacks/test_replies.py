"""Passive replies: what reaches the screen, and what shows the apology instead."""

import pytest

from sandbox.callbacks.crypto import decode_key, encrypt, signature
from tests.sandbox.callbacks.conftest import opened
from tests.sandbox.driver import AES_KEY, fields_of, text_reply

APOLOGY = "该公众号暂时无法提供服务，请稍后再试"


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
