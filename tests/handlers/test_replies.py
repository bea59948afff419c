"""Replies as data and as XML: bounded, checked, and impossible to break out of."""

from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import BadRequestError
from handlers.replies import TYPES, Reply, parse_reply, text_reply

AT = datetime(2026, 11, 22, 4, tzinfo=UTC)
URL = "https://shop.example/a?b=1&c=2"
GOOD: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "text": ({"content": "你好 <b>&"}, {"Content": "你好 <b>&"}),
    "image": ({"media_id": "m-1_A"}, {"Image/MediaId": "m-1_A"}),
    "voice": ({"media_id": "m"}, {"Voice/MediaId": "m"}),
    "video": (
        {"media_id": "m", "title": "t", "description": "d"},
        {"Video/MediaId": "m", "Video/Title": "t", "Video/Description": "d"},
    ),
    "music": (
        {"title": "t", "music_url": URL, "thumb_media_id": "m"},
        {"Music/Title": "t", "Music/MusicUrl": URL, "Music/HQMusicUrl": URL, "Music/ThumbMediaId": "m"},
    ),
    "news": (
        {"title": "t", "description": "d", "pic_url": URL, "url": URL},
        {
            "ArticleCount": "1",
            "Articles/item/Title": "t",
            "Articles/item/Description": "d",
            "Articles/item/PicUrl": URL,
            "Articles/item/Url": URL,
        },
    ),
    "transfer_customer_service": ({"kf_account": "test1@test"}, {"TransInfo/KfAccount": "test1@test"}),
}


def rendered(reply: Reply) -> ET.Element:
    return ET.fromstring(reply.render(to="oLin", sender="gh_fanka", at=AT))


@pytest.mark.parametrize("type_", TYPES)
def test_each_type_says_what_wechat_reads(type_: str) -> None:
    data, expected = GOOD[type_]
    root = rendered(parse_reply({"type": type_, **data}))
    assert {path: root.findtext(path) for path in expected} == expected
    envelope = [(root[number].tag, root[number].text) for number in range(4)]
    assert envelope == [("ToUserName", "oLin"), ("FromUserName", "gh_fanka"), ("CreateTime", "1795320000"), ("MsgType", type_)]


def test_a_hand_over_to_anybody_names_nobody() -> None:
    root = rendered(parse_reply({"type": "transfer_customer_service"}))
    assert root.find("TransInfo") is None


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_no_text_breaks_out(content: str) -> None:
    try:
        reply = text_reply(content + "]]></Content><Injected/>")
    except BadRequestError:
        return
    root = rendered(reply)
    assert [child.tag for child in root] == ["ToUserName", "FromUserName", "CreateTime", "MsgType", "Content"]
    # XML reads a carriage return as a line feed; everything else comes back as it was.
    said = (content + "]]></Content><Injected/>").replace("\r\n", "\n").replace("\r", "\n")
    assert root.findtext("Content") == said


def test_the_envelope_cannot_be_broken_either() -> None:
    root = ET.fromstring(text_reply("x").render(to="a]]><b/>", sender="\x00]]>]]>", at=AT))
    assert (root.findtext("ToUserName"), root.findtext("FromUserName")) == ("a]]><b/>", "]]>]]>")


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"type": "text"},
        {"type": "text", "content": ""},
        {"type": "text", "content": "长" * 683},
        {"type": "text", "content": "bell\x07"},
        {"type": "text", "content": "x", "extra": 1},
        {"type": "text", "content": 5},
        {"type": "shout", "content": "x"},
        {"type": "image", "media_id": "a]]>"},
        {"type": "news", "title": "t", "pic_url": "javascript:alert(1)", "url": URL},
        {"type": "news", "title": "", "pic_url": URL, "url": URL},
        {"type": "news", "title": "t", "pic_url": URL, "url": URL + "x" * 1024},
        {"type": "transfer_customer_service", "kf_account": "nobody"},
        {"type": "text", "content": object()},
    ],
)
def test_a_bad_reply_is_refused_with_its_place(bad: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_reply(bad)
    assert caught.value.code == "bad_reply"


def test_a_reply_survives_its_json() -> None:
    for type_, (data, _) in GOOD.items():
        reply = parse_reply({"type": type_, **data})
        assert parse_reply(orjson.loads(orjson.dumps(reply.data))) == reply


def test_a_mini_program_gets_json() -> None:
    said = orjson.loads(
        parse_reply({"type": "transfer_customer_service", "kf_account": "a@b"}).render_json(to="oLin", sender="gh_mini", at=AT)
    )
    assert said == {
        "ToUserName": "oLin",
        "FromUserName": "gh_mini",
        "CreateTime": 1795320000,
        "MsgType": "transfer_customer_service",
        "TransInfo": {"KfAccount": "a@b"},
    }
