"""Template messages: the list, adding and deleting, and the send call with all it checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.calls.base import SERVICE, Call, call, effect_of, refuse
from sandbox.calls.fields import check_fields, placeholders
from sandbox.state.account import Template
from sandbox.state.identity import text_id
from sandbox.state.messages import deliver

if TYPE_CHECKING:
    from sandbox.state.account import Account
    from sandbox.state.world import Record, World

MAX_CLIENT_ID: Final = 64
MAX_URL: Final = 2048


@call("/cgi-bin/message/template/send", kinds=SERVICE)
def send(call_: Call) -> Record:
    """Send a template message: openid, follower, template, fields, repeated client_msg_id, then the day's quota."""
    body, account, world = call_.body, call_.account, call_.world
    contact = call_.contact(body.get("touser"))
    if not contact.following:
        refuse(43004)
    template_id = body.get("template_id")
    template = account.templates.get(template_id) if isinstance(template_id, str) else None
    if template is None:
        refuse(40037)
    client_id = body.get("client_msg_id")
    if client_id is not None and (not isinstance(client_id, str) or len(client_id) > MAX_CLIENT_ID):
        refuse(40035, f"client_msg_id is a text of at most {MAX_CLIENT_ID} characters")
    url, mini = body.get("url", ""), body.get("miniprogram")
    if not isinstance(url, str) or len(url) > MAX_URL:
        refuse(89501)
    shown = check_fields(template.fields, body.get("data"))
    settings = world.settings
    if client_id and settings.client_msg_id:
        sent = account.client_messages.get((contact.openid, client_id))
        if sent and world.clock.now() - sent[0] < settings.client_msg_id_window_s:
            call_.accept(msgid=sent[1], client_msg_id=client_id, repeated=True)
            return {"msgid": sent[1]}
    if account.counters.used("template") >= settings.quota["template"]:
        refuse(45009)
    msgid = world.next_msgid
    more: Record = {}
    if url:
        more["url"] = url
    if isinstance(mini, dict):
        more["miniprogram"] = {"appid": str(mini.get("appid", ""))[:64], "pagepath": str(mini.get("pagepath", ""))[:512]}
    deliver(
        world,
        account,
        contact,
        via="template",
        data=shown,
        msgid=msgid,
        client_msg_id=client_id,
        template_id=template.template_id,
        more=more,
    )
    call_.accept(msgid=msgid, client_msg_id=client_id)
    return {"msgid": msgid}


@call("/cgi-bin/template/get_all_private_template", method="ANY", kinds=SERVICE, bare=True)
def list_templates(call_: Call) -> Record:
    """List the account's templates."""
    return {
        "template_list": [
            {
                "template_id": template.template_id,
                "title": template.title,
                "primary_industry": "",
                "deputy_industry": "",
                "content": template.content,
                "example": "",
            }
            for template in call_.account.templates.values()
            if template.purpose == "template"
        ]
    }


@call("/cgi-bin/template/api_add_template", kinds=SERVICE)
def add_template(call_: Call) -> Record:
    """Add a template of the library by its short id, with the fields that `keyword_name_list` names."""
    short = call_.text("template_id_short", 40037, limit=64)
    names = call_.body.get("keyword_name_list", [])
    if not isinstance(names, list) or len(names) > 10 or not all(isinstance(n, str) and n for n in names):
        refuse(40035, "keyword_name_list")
    if len(call_.account.templates) >= call_.world.settings.quota["templates"]:
        refuse(45026)
    fields = names or ["thing1", "time2"]
    content = "\n".join(f"{name}:{{{{{name}.DATA}}}}" for name in fields)
    template_id = text_id(call_.world.seed, "library", call_.account.appid, short, *fields, length=43)
    call_.accept(template_id=template_id, title=short, content=content)
    return {"template_id": template_id}


@call("/cgi-bin/template/del_private_template", kinds=SERVICE)
def delete_template(call_: Call) -> Record:
    """Delete a template."""
    template_id = call_.body.get("template_id")
    if not isinstance(template_id, str) or template_id not in call_.account.templates:
        refuse(40037)
    call_.accept(template_id=template_id)
    return {}


def put_template(account: Account, *, template_id: str, title: str, content: str, purpose: str = "template") -> None:
    """Keep a template under its id."""
    account.templates[template_id] = Template(template_id, title, content, placeholders(content), purpose)


@effect_of("/cgi-bin/template/api_add_template")
def template_added(world: World, account: Account, effect: Record) -> None:
    """Keep the template."""
    del world
    put_template(account, template_id=effect["template_id"], title=effect["title"], content=effect["content"])


@effect_of("/cgi-bin/template/del_private_template")
def template_deleted(world: World, account: Account, effect: Record) -> None:
    """Forget the template."""
    del world
    account.templates.pop(effect["template_id"], None)
