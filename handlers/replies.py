"""Passive replies: their schema as data, and the XML WeChat shows the person."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.core.errors import BadRequestError

# XML 1.0 cannot carry these at all, not even inside CDATA.
_UNSAYABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
MAX_TEXT_BYTES = 2048
MAX_URL_BYTES = 1024


def _sayable(value: str) -> str:
    if _UNSAYABLE.search(value):
        raise ValueError("holds a control character")
    return value


def _within_bytes(value: str) -> str:
    if len(value.encode()) > MAX_TEXT_BYTES:
        raise ValueError(f"is longer than {MAX_TEXT_BYTES} bytes")
    return value


def _address(value: str) -> str:
    if not value.startswith(("http://", "https://")) or len(value.encode()) > MAX_URL_BYTES or not value.isprintable() or " " in value:
        raise ValueError(f"must be an http(s) address of at most {MAX_URL_BYTES} bytes")
    return value


Say = Annotated[str, AfterValidator(_sayable)]
Title = Annotated[Say, Field(max_length=64)]
Description = Annotated[Say, Field(max_length=256)]
MediaId = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_-]+$")]
Address = Annotated[Say, AfterValidator(_address)]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TextReply(_Schema):
    type: Literal["text"]
    content: Annotated[Say, Field(min_length=1), AfterValidator(_within_bytes)]

    def body(self) -> str:
        return _tag("Content", self.content)


class ImageReply(_Schema):
    type: Literal["image"]
    media_id: MediaId

    def body(self) -> str:
        return f"<Image>{_tag('MediaId', self.media_id)}</Image>"


class VoiceReply(_Schema):
    type: Literal["voice"]
    media_id: MediaId

    def body(self) -> str:
        return f"<Voice>{_tag('MediaId', self.media_id)}</Voice>"


class VideoReply(_Schema):
    type: Literal["video"]
    media_id: MediaId
    title: Title = ""
    description: Description = ""

    def body(self) -> str:
        return f"<Video>{_tag('MediaId', self.media_id)}{_tag('Title', self.title)}{_tag('Description', self.description)}</Video>"


class MusicReply(_Schema):
    type: Literal["music"]
    title: Title = ""
    description: Description = ""
    music_url: Address
    hq_music_url: Address | None = None
    thumb_media_id: MediaId

    def body(self) -> str:
        better = self.hq_music_url or self.music_url
        return (
            f"<Music>{_tag('Title', self.title)}{_tag('Description', self.description)}{_tag('MusicUrl', self.music_url)}"
            f"{_tag('HQMusicUrl', better)}{_tag('ThumbMediaId', self.thumb_media_id)}</Music>"
        )


class NewsReply(_Schema):
    """One article: WeChat shows no more since 2018-10-12."""

    type: Literal["news"]
    title: Annotated[Title, Field(min_length=1)]
    description: Description = ""
    pic_url: Address
    url: Address

    def body(self) -> str:
        return (
            f"<ArticleCount>1</ArticleCount><Articles><item>{_tag('Title', self.title)}{_tag('Description', self.description)}"
            f"{_tag('PicUrl', self.pic_url)}{_tag('Url', self.url)}</item></Articles>"
        )


class TransferReply(_Schema):
    """Hands the person over to a human: to anybody on duty, or to the agent named."""

    type: Literal["transfer_customer_service"]
    kf_account: Annotated[str, Field(min_length=3, max_length=64, pattern=r"^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+$")] | None = None

    def body(self) -> str:
        return f"<TransInfo>{_tag('KfAccount', self.kf_account)}</TransInfo>" if self.kf_account else ""


_Any = Annotated[
    TextReply | ImageReply | VoiceReply | VideoReply | MusicReply | NewsReply | TransferReply,
    Field(discriminator="type"),
]
_SCHEMA: TypeAdapter[_Any] = TypeAdapter(_Any)
TYPES = ("text", "image", "voice", "video", "music", "news", "transfer_customer_service")


@dataclass(frozen=True, slots=True)
class Reply:
    """A checked reply, its XML made once: only the envelope differs from person to person."""

    type: str
    data: Mapping[str, Any]
    inner: str

    def render(self, *, to: str, sender: str, at: datetime) -> str:
        """The XML of this reply to the openid `to` from the account's original id `sender`."""
        return (
            f"<xml>{_tag('ToUserName', to)}{_tag('FromUserName', sender)}<CreateTime>{int(at.timestamp())}</CreateTime>"
            f"<MsgType><![CDATA[{self.type}]]></MsgType>{self.inner}</xml>"
        )

    def render_json(self, *, to: str, sender: str, at: datetime) -> str:
        """The same for a mini program that chose JSON. Only the hand-over exists there."""
        said: dict[str, Any] = {"ToUserName": to, "FromUserName": sender, "CreateTime": int(at.timestamp()), "MsgType": self.type}
        if self.data.get("kf_account"):
            said["TransInfo"] = {"KfAccount": self.data["kf_account"]}
        return orjson.dumps(said).decode()


def parse_reply(data: Mapping[str, Any]) -> Reply:
    """A reply from its JSON form. Raises BadRequestError that names the field."""
    try:
        # JSON in, JSON out: whatever came as Python is first what it would be in the database.
        packed = orjson.dumps(data)
    except TypeError as error:
        raise BadRequestError("the reply is not JSON", code="bad_reply") from error
    return _parsed(packed)


def text_reply(content: str) -> Reply:
    return parse_reply({"type": "text", "content": content})


@lru_cache(maxsize=4096)
def _parsed(packed: bytes) -> Reply:
    try:
        checked = _SCHEMA.validate_json(packed)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "reply"
        raise BadRequestError(f"the reply's {place}: {first['msg']}", code="bad_reply") from error
    return Reply(checked.type, checked.model_dump(exclude_none=True), checked.body())


def _tag(name: str, text: str | None) -> str:
    """An element whose text cannot break out: `]]>` is split over two sections, and what XML cannot carry is left out."""
    safe = _UNSAYABLE.sub("", text or "").replace("]]>", "]]]]><![CDATA[>")
    return f"<{name}><![CDATA[{safe}]]></{name}>"
