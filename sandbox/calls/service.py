"""Customer-service messages: what may be sent inside an open window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.calls.base import ALL, Call, call, refuse
from sandbox.state.messages import deliver

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.state.world import Record

MAX_TEXT_BYTES: Final = 2048


@call("/cgi-bin/message/custom/send", kinds=ALL)
def send_service(call_: Call) -> Record:
    """Send one message: 45015 when no window is open, 45047 when the open ones are used up."""
    contact = call_.contact(call_.body.get("touser"))
    type_, content = read_content(call_, SERVICE_TYPES)
    why, is_open = contact.window(call_.world.clock.now())
    # Un-following closes every window, so an open one means that the person can be reached.
    if why is None:
        refuse(45047 if is_open else 45015)
    call_.take_quota("custom")
    more: Record = {"msgtype": type_, "window": why}
    staff = call_.body.get("customservice")
    if isinstance(staff, dict) and isinstance(staff.get("kf_account"), str):
        more["kf_account"] = staff["kf_account"][:64]
    deliver(call_.world, call_.account, contact, via="service", data=content, more=more)
    call_.accept(msgtype=type_, window=why)
    return {}


@call("/cgi-bin/message/custom/typing", kinds=ALL)
def typing(call_: Call) -> Record:
    """Show that somebody is typing, inside an open window only."""
    contact = call_.contact(call_.body.get("touser"))
    if call_.body.get("command") not in {"Typing", "CancelTyping"}:
        refuse(40035, "command")
    if contact.window(call_.world.clock.now())[0] is None:
        refuse(45015)
    return {}


def read_content(call_: Call, types: dict[str, Callable[[Call, Any], Record]]) -> tuple[str, Record]:
    """Return msgtype and content of a message; refuses 40008 for other types and what the content lacks."""
    type_ = call_.body.get("msgtype")
    check = types.get(type_) if isinstance(type_, str) else None
    if check is None or not isinstance(type_, str):
        refuse(40008)
    content = call_.body.get(type_)
    if not isinstance(content, (dict, list)):
        refuse(40008, f"{type_} is missing")
    return type_, check(call_, content)


def text_content(call_: Call, content: Any) -> Record:
    """Check a text."""
    del call_
    text = content.get("content") if isinstance(content, dict) else None
    if not isinstance(text, str) or not text:
        refuse(44004)
    if len(text.encode()) > MAX_TEXT_BYTES:
        refuse(45002)
    return {"content": text}


def media_content(call_: Call, content: Any) -> Record:
    """Check a message that is one uploaded file."""
    media_id = content.get("media_id") if isinstance(content, dict) else None
    if not isinstance(media_id, str) or media_id not in call_.account.media:
        refuse(40007)
    return {"media_id": media_id} | texts(content, ("title", "description"), optional=True)


def texts(content: Any, names: tuple[str, ...], *, optional: bool = False, errcode: int = 40035) -> Record:
    """Return the named texts of an object, each at most 2 KiB."""
    if not isinstance(content, dict):
        refuse(errcode)
    found: Record = {}
    for name in names:
        value = content.get(name)
        if value is None and optional:
            continue
        if not isinstance(value, str) or len(value) > MAX_TEXT_BYTES:
            refuse(errcode, name)
        found[name] = value
    return found


def _music(call_: Call, content: Any) -> Record:
    media_id = content.get("thumb_media_id") if isinstance(content, dict) else None
    if not isinstance(media_id, str) or media_id not in call_.account.media:
        refuse(40007)
    return texts(content, ("musicurl", "hqmusicurl", "thumb_media_id")) | texts(content, ("title", "description"), optional=True)


def _news(call_: Call, content: Any) -> Record:
    del call_
    articles = content.get("articles") if isinstance(content, dict) else None
    if not isinstance(articles, list) or len(articles) != 1:
        refuse(45008 if isinstance(articles, list) and articles else 44003)
    return {"articles": [texts(articles[0], ("title", "description", "url", "picurl"), optional=True)]}


def _link(call_: Call, content: Any) -> Record:
    del call_
    return texts(content, ("title", "description", "url", "thumb_url"))


def _page(call_: Call, content: Any) -> Record:
    del call_
    return texts(content, ("title", "pagepath")) | texts(content, ("appid", "thumb_media_id"), optional=True)


def _menu(call_: Call, content: Any) -> Record:
    del call_
    items = content.get("list") if isinstance(content, dict) else None
    if not isinstance(items, list) or not 1 <= len(items) <= 10:
        refuse(40035, "list")
    shown = [{"id": str(item.get("id", ""))[:64], **texts(item, ("content",))} for item in items if isinstance(item, dict)]
    return texts(content, ("head_content", "tail_content"), optional=True) | {"list": shown}


def card_content(call_: Call, content: Any) -> Record:
    """Check a card to be offered."""
    card_id = content.get("card_id") if isinstance(content, dict) else None
    if not isinstance(card_id, str) or card_id not in call_.account.cards:
        refuse(40053, "card_id")
    return {"card_id": card_id}


def _article(call_: Call, content: Any) -> Record:
    del call_
    return texts(content, ("article_id",))


SERVICE_TYPES: Final[dict[str, Callable[[Call, Any], Record]]] = {
    "text": text_content,
    "image": media_content,
    "voice": media_content,
    "video": media_content,
    "music": _music,
    "news": _news,
    "mpnews": media_content,
    "mpnewsarticle": _article,
    "msgmenu": _menu,
    "wxcard": card_content,
    "link": _link,
    "miniprogrampage": _page,
}
