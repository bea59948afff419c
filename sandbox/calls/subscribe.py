"""Subscription messages: one accepted pop-up allows one message; and the withdrawn uniform message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.calls.base import MINI, SERVICE, Call, call, refuse
from sandbox.calls.fields import check_fields
from sandbox.state.messages import deliver

if TYPE_CHECKING:
    from sandbox.state.world import Record

_STATES: Final = frozenset({"developer", "trial", "formal"})


@call("/cgi-bin/message/subscribe/send", kinds=MINI)
def send_from_mini(call_: Call) -> Record:
    """Send a subscription message of a mini program."""
    if call_.body.get("miniprogram_state", "formal") not in _STATES:
        refuse(40097, "miniprogram_state")
    return _send(call_)


@call("/cgi-bin/message/subscribe/bizsend", kinds=SERVICE)
def send_from_account(call_: Call) -> Record:
    """Send a subscription notice of a service account."""
    return _send(call_)


def _send(call_: Call) -> Record:
    contact = call_.contact(call_.body.get("touser"))
    template_id = call_.body.get("template_id")
    template = call_.account.templates.get(template_id) if isinstance(template_id, str) else None
    if template is None or template.purpose != "subscribe":
        refuse(40037)
    page = call_.body.get("page", "")
    if not isinstance(page, str) or len(page) > 1024 or page.startswith(("/", "http")):
        refuse(41030)
    shown = check_fields(template.fields, call_.body.get("data"))
    if call_.account.popups.get((contact.openid, template.template_id), 0) < 1:
        refuse(43101)
    call_.take_quota("subscribe")
    msgid = call_.world.next_msgid
    more = {"page": page} if page else {}
    deliver(
        call_.world,
        call_.account,
        contact,
        via="subscribe",
        data=shown,
        msgid=msgid,
        template_id=template.template_id,
        more=more,
    )
    call_.accept(msgid=msgid)
    return {"msgid": msgid}


@call("/wxaapi/newtmpl/gettemplate", method="GET", kinds=SERVICE | MINI)
def list_subscribe_templates(call_: Call) -> Record:
    """List the subscription templates of the account."""
    mine = (t for t in call_.account.templates.values() if t.purpose == "subscribe")
    return {"data": [{"priTmplId": t.template_id, "title": t.title, "content": t.content, "example": "", "type": 2} for t in mine]}


@call("/cgi-bin/message/wxopen/template/uniform_send", kinds=MINI)
def uniform_send(call_: Call) -> Record:
    """Refuse: the platform withdrew this call on 2023-09-20."""
    del call_
    refuse(45109)
