"""Accounts and their templates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sandbox.callbacks.crypto import decode_key
from sandbox.calls.fields import placeholders
from sandbox.calls.templates import put_template
from sandbox.control.base import (
    Platform,
    as_object,
    control,
    control_effect,
    decide,
    read_account,
    read_text,
    wrong,
)
from sandbox.net.client import parse_target
from sandbox.state.account import Account
from sandbox.state.identity import text_id
from sandbox.state.quotas import Counters

if TYPE_CHECKING:
    from sandbox.net.message import Request
    from sandbox.state.world import Record, World

_APPID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PURPOSES: Final = frozenset({"template", "subscribe"})
MAX_ACCOUNTS: Final = 1000


@control("POST", "/_control/accounts")
def put_account(platform: Platform, request: Request, body: Any) -> Record:
    """Make an account, or change the settings of one that exists; its followers stay."""
    del request
    fields = _read(as_object(body))
    accounts = platform.world.accounts
    if fields["appid"] not in accounts and len(accounts) >= MAX_ACCOUNTS:
        wrong(f"at most {MAX_ACCOUNTS} accounts", 409)
    platform.world.record("account", fields)
    return {"ok": True, "original_id": accounts[fields["appid"]].original_id}


def _read(body: Record) -> Record:
    fields: Record = {"appid": read_text(body, "appid")}
    if not _APPID.fullmatch(fields["appid"]):
        wrong("appid is letters, digits, _ and -")
    fields["secret"] = read_text(body, "secret")
    fields["kind"] = _one_of(body, "kind", ("service", "subscription", "mini", "website"), "service")
    fields["name"] = read_text(body, "name", fields["appid"], limit=64)
    fields["token"] = read_text(body, "token", "")
    fields["mode"] = _one_of(body, "mode", ("plain", "compatible", "safe"), "plain")
    fields["aes_key"] = read_text(body, "aes_key", "")
    fields["callback_url"] = read_text(body, "callback_url", "", limit=2048)
    fields["open_platform"] = read_text(body, "open_platform", "")
    fields["format"] = _one_of(body, "format", ("xml", "json"), "xml")
    if fields["format"] == "json" and fields["kind"] != "mini":
        wrong("only a mini program may choose json")
    if not fields["secret"]:
        wrong("secret is not empty")
    try:
        if fields["aes_key"] or fields["mode"] != "plain":
            decode_key(fields["aes_key"])
        if fields["callback_url"]:
            parse_target(fields["callback_url"])
    except ValueError as error:
        wrong(str(error))
    return fields


def _one_of(body: Record, name: str, allowed: tuple[str, ...], default: str) -> str:
    value = read_text(body, name, default)
    if value not in allowed:
        wrong(f"{name} is one of {', '.join(allowed)}")
    return value


@control("GET", "/_control/accounts")
def list_accounts(platform: Platform, request: Request, body: Any) -> Record:
    """List the accounts without their secrets."""
    del request, body
    return {"accounts": [account.public() for account in platform.world.accounts.values()]}


@control("POST", "/_control/verify")
async def verify_account(platform: Platform, request: Request, body: Any) -> Record:
    """Check an account's callback address as the console does when it is saved: the echo has to come back."""
    del request
    account = platform.world.accounts[read_account(platform.world, as_object(body))]
    if not account.callback_url:
        wrong("the account has no callback_url", 409)
    return await platform.courier.verify(account)


def apply_account(world: World, entry: Record, line: bytes) -> None:
    """Apply an account record."""
    del line
    fields = {key: value for key, value in entry.items() if key not in {"n", "at", "type"}}
    known = world.accounts.get(entry["appid"])
    if known is None:
        world.accounts[entry["appid"]] = Account(**fields, counters=Counters(world.clock))
        return
    for name, value in fields.items():
        setattr(known, name, value)


@control("POST", "/_control/templates")
def put_templates(platform: Platform, request: Request, body: Any) -> Record:
    """Give an account a template; `purpose` subscribe is for subscription messages."""
    del request
    wanted = as_object(body)
    world = platform.world
    appid = read_account(world, wanted)
    title = read_text(wanted, "title", "服务通知", limit=64)
    content = read_text(wanted, "content", limit=4096)
    purpose = _one_of(wanted, "purpose", ("template", "subscribe"), "template")
    if not placeholders(content):
        wrong("content has fields such as {{thing1.DATA}}")
    template_id = read_text(wanted, "template_id", "", limit=64)
    template_id = template_id or text_id(world.seed, "template", appid, title, content, length=43)
    fields = {"appid": appid, "template_id": template_id, "title": title, "content": content, "purpose": purpose}
    decide(platform, "template", fields)
    return {"ok": True, "template_id": template_id}


@control_effect("template")
def template_put(world: World, entry: Record) -> None:
    """Keep the template."""
    put_template(
        world.accounts[entry["appid"]],
        template_id=entry["template_id"],
        title=entry["title"],
        content=entry["content"],
        purpose=entry["purpose"],
    )
