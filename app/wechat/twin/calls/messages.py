"""Messages to one person: templates, customer-service messages in their windows, subscription messages."""

from collections.abc import Callable
from typing import Any

from app.wechat.twin.calls.base import ALL, MINI, SERVICE, Call, call, refuse
from app.wechat.twin.calls.fields import shown

CLIENT_MSG_ID_S = 600.0


@call("/cgi-bin/template/get_all_private_template", SERVICE)
def list_templates(made: Call) -> dict[str, Any]:
    mine = (each for each in made.known.templates.values() if each.purpose == "template")
    return {"template_list": [{"template_id": each.template_id, "title": each.title, "content": each.content} for each in mine]}


@call("/cgi-bin/message/template/send", SERVICE)
def send_template(made: Call) -> dict[str, Any]:
    contact = made.contact(made.body.get("touser"))
    if not contact.following:
        refuse(43004)
    template = made.known.templates.get(str(made.body.get("template_id"))) or refuse(40037)
    client_id = made.body.get("client_msg_id")
    if client_id is not None and (not isinstance(client_id, str) or len(client_id) > 64):
        refuse(40035)
    values = shown(template.fields, made.body.get("data"))
    key = (contact.openid, client_id or "")
    if client_id and made.twin.honours_client_msg_id:
        sent_at, msgid = made.known.client_messages.get(key, (-1e12, 0))
        if made.now - sent_at < CLIENT_MSG_ID_S:
            return {"msgid": msgid}
    made.take("template")
    msgid = made.twin.deliver(made.known, contact, via="template", data=values, template_id=template.template_id, client_msg_id=client_id)
    if client_id:
        made.known.client_messages[key] = (made.now, msgid)
    return {"errcode": 0, "errmsg": "ok", "msgid": msgid}


@call("/cgi-bin/message/custom/send", ALL)
def send_service(made: Call) -> dict[str, Any]:
    contact = made.contact(made.body.get("touser"))
    content = read_content(made, _SERVICE_TYPES)
    why, is_open = contact.usable_window(made.now)
    if why is None or (made.known.account.kind not in MINI and not contact.following):
        refuse(45047 if is_open and contact.following else 45015)
    made.take("custom")
    until, left = contact.windows[why]
    contact.windows[why] = (until, left - 1)
    made.twin.deliver(made.known, contact, via="service", data=content)
    return {"errcode": 0, "errmsg": "ok"}


@call("/cgi-bin/message/subscribe/send", MINI)
def send_from_mini(made: Call) -> dict[str, Any]:
    if made.body.get("miniprogram_state", "formal") not in {"developer", "trial", "formal"}:
        refuse(40097)
    return _send_subscribe(made)


@call("/cgi-bin/message/subscribe/bizsend", SERVICE)
def send_from_account(made: Call) -> dict[str, Any]:
    return _send_subscribe(made)


def _send_subscribe(made: Call) -> dict[str, Any]:
    contact = made.contact(made.body.get("touser"))
    template = made.known.templates.get(str(made.body.get("template_id")))
    if template is None or template.purpose != "subscribe":
        refuse(40037)
    page = made.body.get("page") or ""
    if not isinstance(page, str) or len(page) > 1024 or page.startswith(("/", "http")):
        refuse(41030)
    values = shown(template.fields, made.body.get("data"))
    key = (contact.openid, template.template_id)
    if made.known.popups.get(key, 0) < 1:
        refuse(43101)
    made.take("subscribe")
    made.known.popups[key] -= 1
    return {"errcode": 0, "msgid": made.twin.deliver(made.known, contact, via="subscribe", data=values, template_id=template.template_id)}


Check = Callable[[Call, Any], object]


def read_content(made: Call, types: dict[str, Check]) -> dict[str, Any]:
    """The content of a message by its msgtype; 40008 for a type that is not among these."""
    kind = made.body.get("msgtype")
    check = types.get(kind) if isinstance(kind, str) else None
    content = made.body.get(kind) if check is not None and isinstance(kind, str) else None
    if check is None or not isinstance(content, dict):
        refuse(40008)
    check(made, content)
    return {"msgtype": kind, **content}


def text_fits(made: Call, content: Any) -> None:
    del made
    text = content.get("content")
    if not isinstance(text, str) or not text:
        refuse(44004)
    if len(text.encode()) > 2048:
        refuse(45002)


def media_known(made: Call, content: Any) -> None:
    if content.get("media_id") not in made.known.media:
        refuse(40007)


def _one_article(made: Call, content: Any) -> None:
    del made
    articles = content.get("articles")
    if not isinstance(articles, list) or not articles:
        refuse(44003)
    if len(articles) != 1:
        refuse(45008)


def _has(*names: str) -> Check:
    def check(made: Call, content: Any) -> None:
        del made
        if not all(isinstance(content.get(name), str) for name in names):
            refuse(40035)

    return check


_SERVICE_TYPES: dict[str, Check] = {
    "text": text_fits,
    "image": media_known,
    "voice": media_known,
    "video": media_known,
    "mpnews": media_known,
    "news": _one_article,
    "link": _has("title", "description", "url", "thumb_url"),
    "miniprogrampage": _has("title", "pagepath"),
}
