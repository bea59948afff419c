"""Uploaded files and drafts: their ids, kinds and sizes (the bytes themselves are not kept)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from sandbox.calls.base import ALL, Call, call, effect_of, refuse
from sandbox.state.account import Media
from sandbox.state.identity import digest, text_id

if TYPE_CHECKING:
    from sandbox.net.message import Request
    from sandbox.state.account import Account
    from sandbox.state.world import Record, World

MAX_BYTES: Final = {"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "thumb": 64 << 10}
_BOUNDARY: Final = re.compile(r'boundary="?([^";,]{1,70})"?')
_FILENAME: Final = re.compile(rb'filename="([^"\r\n]{1,255})"')
_ENDINGS: Final = {
    "image": (".jpg", ".jpeg", ".png", ".gif", ".bmp"),
    "voice": (".amr", ".mp3", ".wav", ".wma"),
    "video": (".mp4",),
    "thumb": (".jpg", ".jpeg"),
}


class Upload(NamedTuple):
    """A file of a form."""

    name: str
    content: bytes


def read_upload(request: Request) -> Upload:
    """Return the file of a multipart form; refuses with 41005 when there is none."""
    found = _BOUNDARY.search(request.headers.get("content-type", ""))
    parts = request.body.split(b"--" + found.group(1).encode("latin-1"))[1:20] if found else []
    uploads = filter(None, map(_file, parts))
    return next(uploads, None) or refuse(41005)


def _file(part: bytes) -> Upload | None:
    head, _, content = part.partition(b"\r\n\r\n")
    filename = _FILENAME.search(head)
    content = content.removesuffix(b"\r\n")
    if not filename or not content:
        return None
    return Upload(filename.group(1).decode("utf-8", "replace"), content)


def _take(call_: Call, type_: str) -> Upload:
    upload = read_upload(call_.request)
    if len(upload.content) > MAX_BYTES[type_]:
        refuse(45001)
    if not upload.name.lower().endswith(_ENDINGS[type_]):
        refuse(40005)
    return upload


def _type(call_: Call) -> str:
    type_ = call_.request.query.get("type", "")
    if type_ not in MAX_BYTES:
        refuse(40004)
    return type_


@call("/cgi-bin/media/upload", kinds=ALL, bare=True)
def upload_media(call_: Call) -> Record:
    """Upload a temporary file."""
    type_ = _type(call_)
    upload = _take(call_, type_)
    created = int(call_.world.clock.now())
    media_id = text_id(call_.world.seed, "upload", call_.account.appid, call_.world.n, length=64)
    call_.accept(media_id=media_id, media_type=type_, size=len(upload.content), permanent=False)
    return {"type": type_, "media_id": media_id, "created_at": created}


@call("/cgi-bin/material/add_material", bare=True)
def add_material(call_: Call) -> Record:
    """Upload a permanent file."""
    type_ = _type(call_)
    upload = _take(call_, type_)
    media_id = text_id(call_.world.seed, "material", call_.account.appid, call_.world.n, length=43)
    call_.accept(media_id=media_id, media_type=type_, size=len(upload.content), permanent=True)
    return {"media_id": media_id} | ({"url": _url(upload)} if type_ == "image" else {})


@call("/cgi-bin/media/uploadimg", bare=True)
def upload_picture(call_: Call) -> Record:
    """Upload a picture for the text of an article or card."""
    return {"url": _url(_take(call_, "image"))}


def _url(upload: Upload) -> str:
    return f"http://mmbiz.qpic.cn/mmbiz_png/{digest(len(upload.content), upload.name).hex()}/0"


@call("/cgi-bin/draft/add", bare=True)
def add_draft(call_: Call) -> Record:
    """Keep a draft of articles; its media_id is what a mass message sends."""
    articles = call_.body.get("articles")
    if not isinstance(articles, list) or not 1 <= len(articles) <= 8:
        refuse(44003)
    for article in articles:
        if not isinstance(article, dict) or not isinstance(article.get("title"), str) or not article["title"]:
            refuse(44003, "title")
    media_id = text_id(call_.world.seed, "draft", call_.account.appid, call_.world.n, length=43)
    call_.accept(media_id=media_id, media_type="mpnews", size=len(articles), permanent=True)
    return {"media_id": media_id}


@effect_of("/cgi-bin/media/upload", "/cgi-bin/material/add_material", "/cgi-bin/draft/add")
def media_added(world: World, account: Account, effect: Record) -> None:
    """Know the file."""
    created = int(world.clock.now())
    media = Media(effect["media_id"], effect["media_type"], created, effect["size"], effect["permanent"])
    account.media[media.media_id] = media
