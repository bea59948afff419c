"""Figures, waiting for quiet, the feed of the log, one chat, and starting over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.calls.menus import menu_for
from sandbox.control.base import Platform, as_object, control, control_effect, decide, read_number, wrong
from sandbox.net.message import Reply

if TYPE_CHECKING:
    from sandbox.net.message import Request
    from sandbox.state.world import Record, World

MAX_FEED = 300


def figures(platform: Platform) -> Record:
    """Return the figures of the platform."""
    world = platform.world
    return {
        "n": world.n,
        "events": world.totals.events,
        "callbacks_pending": len(world.pending),
        "callbacks_ok": world.totals.callbacks_ok,
        "callbacks_failed": world.totals.callbacks_failed,
        "calls": world.totals.calls,
        "calls_refused": world.totals.refused,
        "messages": dict(world.totals.messages),
        "receipts": world.totals.receipts,
        "receipts_pending": platform.receipts.waiting,
        "receipts_withheld": len(world.unreceipted) - platform.receipts.waiting,
        "notices_pending": len(world.notices),
        "people": len(world.people),
        "accounts": len(world.accounts),
        "now": int(world.clock.now()),
    }


@control("GET", "/_control/state")
def state(platform: Platform, request: Request, body: Any) -> Record:
    """Return the figures."""
    del request, body
    return figures(platform)


@control("POST", "/_control/idle")
async def idle(platform: Platform, request: Request, body: Any) -> Record:
    """Wait until no callback, no receipt and no notice of a payment is pending; `idle` says whether that came in time."""
    del request
    timeout_s = read_number(as_object(body), "timeout_s", 30, most=3600)
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout_s
    while platform.world.pending or platform.receipts.waiting or platform.world.notices:
        if loop.time() >= end:
            return {"idle": False, **figures(platform)}
        await asyncio.sleep(0.02)
    await platform.journal.durable()
    return {"idle": True, **figures(platform)}


@control("GET", "/_control/feed")
def feed(platform: Platform, request: Request, body: Any) -> Reply:
    """Return the newest log records after number `after`, secrets left out."""
    del body
    after = request.query.get("after", "0")
    if not after.isascii() or not after.isdigit() or len(after) > 15:
        wrong("after is a number")
    since = int(after)
    shown: list[Record] = []
    for line in reversed(platform.world.recent):
        if len(shown) >= MAX_FEED:
            break
        entry = orjson.loads(line)
        if entry["n"] <= since:
            break
        for secret in ("secret", "token", "aes_key"):
            entry.pop(secret, None)
        if entry.get("do") == "pay_merchant":
            entry["set"] = {"mchid": entry["set"]["mchid"], "notify_url": entry["set"]["notify_url"]}
        shown.append(entry)
    shown.reverse()
    return Reply(orjson.dumps({"n": platform.world.n, "records": shown}))


@control("GET", "/_control/chat")
def chat(platform: Platform, request: Request, body: Any) -> Reply:
    """Return one chat: what the person did and what reached him, and the account's menu as he sees it."""
    del body
    world = platform.world
    person = world.people.get(request.query.get("person", ""))
    account = world.accounts.get(request.query.get("appid", ""))
    if person is None or account is None:
        wrong("person and appid must exist", 404)
    contact = person.contacts.get(account.appid)
    shown = {
        "openid": contact.openid if contact else "",
        "following": bool(contact and contact.following),
        "menu": menu_for(account, contact),
        "templates": {template.template_id: template.title for template in account.templates.values()},
        "records": [orjson.Fragment(line) for line in contact.timeline] if contact else [],
    }
    return Reply(orjson.dumps(shown))


@control("POST", "/_control/reset")
def reset(platform: Platform, request: Request, body: Any) -> Record:
    """Start over with nothing; the log goes on and numbers never go back."""
    del request, body
    platform.courier.forget()
    platform.receipts.forget()
    platform.cashier.forget()
    decide(platform, "reset", {})
    return {"ok": True}


@control_effect("reset")
def reset_done(world: World, entry: Record) -> None:
    """Forget everything, shifts of the clock too."""
    del entry
    world.clock.offset_s = 0.0
    world.clear()
