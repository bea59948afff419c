"""What an account answers in those five seconds: empty, success, or a reply that is checked strictly."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import orjson

from sandbox.callbacks.crypto import CipherError, decode_key, decrypt, signature, signature_matches

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.state.account import Account

APOLOGY: Final = "该公众号暂时无法提供服务，请稍后再试"
MAX_REPLY: Final = 64 * 1024
MAX_CONTENT: Final = 2048  # bytes, as for service messages
_MAX_ARTICLES: Final = 8
_NUMBER: Final = re.compile(r"\d{1,12}")


class ReplyError(Exception):
    """The answer is nothing the platform could show; the text says why, for the log."""


class PassiveReply(NamedTuple):
    """A reply that was understood; `kind` is empty, success or the MsgType."""

    kind: str
    data: dict[str, Any]


_NOTHING: Final = {b"": PassiveReply("empty", {}), b"success": PassiveReply("success", {})}


def read_reply(account: Account, openid: str, body: bytes) -> PassiveReply:
    """Read the body of an answer with status 200; raises ReplyError."""
    nothing = _NOTHING.get(body.strip())
    if nothing:
        return nothing
    if len(body) > MAX_REPLY:
        _broken("longer than 64 KiB")
    if account.format == "json":
        return _read_json(body)
    fields = _parse(body)
    if "Encrypt" in fields:
        fields = _parse(_open(account, fields))
    elif account.mode == "safe":
        _broken("not encrypted although the account is in safe mode")
    _check_envelope(account, openid, fields)
    kind = fields["MsgType"]
    check = _KINDS.get(kind) if isinstance(kind, str) else None
    if check is None:
        _broken(f"MsgType {kind!r} is no reply type")
    return PassiveReply(kind, check(account, fields))


def _broken(why: str) -> NoReturn:
    raise ReplyError(why)


def _read_json(body: bytes) -> PassiveReply:
    """A mini program may only say success or hand over to customer service."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict) or fields.get("MsgType") != "transfer_customer_service":
        _broken("a mini program answers success or transfer_customer_service")
    return PassiveReply("transfer_customer_service", {})


def _parse(body: bytes) -> dict[str, Any]:
    """Parse flat XML with bounded depth; a DTD never belongs in a reply."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        _broken("a DTD")
    try:
        root = ET.fromstring(body)  # noqa: S314 - no DTD, at most 64 KiB
    except (ET.ParseError, ValueError) as error:
        why = f"not XML: {error}"
        raise ReplyError(why) from error
    if root.tag != "xml":
        _broken("the root is not <xml>")
    found = _tree(root, 0)
    if not isinstance(found, dict):
        _broken("no fields")
    return dict(found)


def _tree(element: ET.Element, depth: int) -> Any:
    if depth > 4:
        _broken("nested too deeply")
    children = list(element)
    if not children:
        return element.text or ""
    if all(child.tag == "item" for child in children):
        return [_tree(child, depth + 1) for child in children]
    names = [child.tag for child in children]
    if len(set(names)) != len(names):
        _broken("a field twice")
    return {child.tag: _tree(child, depth + 1) for child in children}


def _open(account: Account, fields: dict[str, Any]) -> bytes:
    """Check the signature of an encrypted reply and decrypt it."""
    parts = [fields.get(name) for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce")]
    if account.mode == "plain" or not all(isinstance(part, str) and part for part in parts):
        _broken("encrypted in plain mode, or Encrypt, MsgSignature, TimeStamp or Nonce is missing")
    sealed, given, timestamp, nonce = (str(part).strip() for part in parts)
    if not signature_matches(signature(account.token, timestamp, nonce, sealed), given):
        _broken("MsgSignature is wrong")
    try:
        return decrypt(decode_key(account.aes_key), account.appid, sealed)
    except CipherError as error:
        why = f"Encrypt does not open: {error}"
        raise ReplyError(why) from error


def _check_envelope(account: Account, openid: str, fields: dict[str, Any]) -> None:
    for name in ("ToUserName", "FromUserName", "CreateTime", "MsgType"):
        if not isinstance(fields.get(name), str):
            _broken(f"{name} is missing")
    if fields["ToUserName"] != openid:
        _broken("ToUserName is not the person")
    if fields["FromUserName"] != account.original_id:
        _broken("FromUserName is not the account")
    if not _NUMBER.fullmatch(fields["CreateTime"].strip()):
        _broken("CreateTime is no number")


def _text(account: Account, fields: dict[str, Any]) -> dict[str, Any]:
    del account
    content = fields.get("Content")
    if not isinstance(content, str) or not content or len(content.encode()) > MAX_CONTENT:
        _broken(f"Content is a text of at most {MAX_CONTENT} bytes")
    return {"content": content}


def _media(element: str, *, also: tuple[str, ...] = ()) -> Callable[[Account, dict[str, Any]], dict[str, Any]]:
    def check(account: Account, fields: dict[str, Any]) -> dict[str, Any]:
        inner = fields.get(element)
        if not isinstance(inner, dict) or not isinstance(inner.get("MediaId"), str):
            _broken(f"{element} needs a MediaId")
        media_id = inner["MediaId"].strip()
        if media_id not in account.media:
            _broken(f"MediaId {media_id[:64]!r} is unknown")
        return {"media_id": media_id} | {name.lower(): _string(inner.get(name, "")) for name in also}

    return check


def _music(account: Account, fields: dict[str, Any]) -> dict[str, Any]:
    inner = fields.get("Music")
    if not isinstance(inner, dict) or not isinstance(inner.get("ThumbMediaId"), str):
        _broken("Music needs a ThumbMediaId")
    if inner["ThumbMediaId"].strip() not in account.media:
        _broken("ThumbMediaId is unknown")
    return {name.lower(): _string(inner.get(name, "")) for name in ("Title", "Description", "MusicUrl", "HQMusicUrl")}


def _news(account: Account, fields: dict[str, Any]) -> dict[str, Any]:
    del account
    count, articles = str(fields.get("ArticleCount", "")).strip(), fields.get("Articles")
    if not isinstance(articles, list) or not 1 <= len(articles) <= _MAX_ARTICLES or count != str(len(articles)):
        _broken("ArticleCount is not the number of Articles")
    shown = []
    for item in articles:
        if not isinstance(item, dict) or not item.get("Title") or not {"Description", "PicUrl", "Url"} <= set(item):
            _broken("an article needs Title, Description, PicUrl and Url")
        shown.append({name: _string(item[tag]) for name, tag in _ARTICLE.items()})
    # Since 2018 the platform shows only the first article of a passive reply.
    return {"articles": shown[:1]}


_ARTICLE: Final = {"title": "Title", "description": "Description", "picurl": "PicUrl", "url": "Url"}


def _transfer(account: Account, fields: dict[str, Any]) -> dict[str, Any]:
    del account
    info = fields.get("TransInfo")
    if info is None or info == "":
        return {}
    if not isinstance(info, dict) or not isinstance(info.get("KfAccount"), str):
        _broken("TransInfo needs a KfAccount")
    return {"kf_account": info["KfAccount"]}


def _string(value: Any) -> str:
    if not isinstance(value, str):
        _broken("a text was expected")
    return str(value)


_KINDS: Final[dict[str, Callable[[Account, dict[str, Any]], dict[str, Any]]]] = {
    "text": _text,
    "image": _media("Image"),
    "voice": _media("Voice"),
    "video": _media("Video", also=("Title", "Description")),
    "music": _music,
    "news": _news,
    "transfer_customer_service": _transfer,
}
