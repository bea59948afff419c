"""What reaches a person: the record of a message, its place on the screen, its quota and its receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.state.world import Awaited

if TYPE_CHECKING:
    from sandbox.state.account import Account
    from sandbox.state.person import Contact
    from sandbox.state.world import Record, World

_K = TypeVar("_K")


def deliver(
    world: World,
    account: Account,
    contact: Contact,
    *,
    via: str,
    data: Any,
    msgid: int | None = None,
    client_msg_id: str | None = None,
    template_id: str | None = None,
    more: Record | None = None,
) -> None:
    """Put a message on the person's screen and into the log; it counts against the quotas of its way."""
    world.record(
        "message",
        {
            "person": contact.person,
            "appid": account.appid,
            "openid": contact.openid,
            "via": via,
            "msgid": msgid,
            "client_msg_id": client_msg_id,
            "template_id": template_id,
            "data": data,
            **(more or {}),
        },
    )


def apply_message(world: World, entry: Record, line: bytes) -> None:
    """Apply a message record."""
    account = world.accounts[entry["appid"]]
    contact = account.contacts[entry["openid"]]
    world.people[entry["person"]].screen.append(line)
    contact.timeline.append(line)
    via: str = entry["via"]
    totals = world.totals.messages
    totals[via] = totals.get(via, 0) + 1
    if via == "template":
        _count_template(world, account, entry)
    elif via == "mass" and not entry.get("preview"):
        month, count = contact.mass
        now = world.clock.month()
        contact.mass = (now, count + 1 if month == now else 1)
        world.next_mass_id = max(world.next_mass_id, entry["msgid"] + 1)
    elif via == "service":
        account.counters.add("custom")
        contact.use_window(entry["window"])
    elif via == "subscribe":
        account.counters.add("subscribe")
        world.next_msgid = max(world.next_msgid, entry["msgid"] + 1)
        allowed = account.popups.get((entry["openid"], entry["template_id"]))
        if allowed is not None:
            account.popups[entry["openid"], entry["template_id"]] = allowed - 1
        _await_subscription(world, account, entry)


def _await_subscription(world: World, account: Account, entry: Record) -> None:
    item = {"TemplateId": entry["template_id"], "MsgID": entry["msgid"], "ErrorCode": 0, "ErrorStatus": "success"}
    event: Record = {"Event": "subscribe_msg_sent_event"}
    event |= {"List": item} if account.format == "json" else {"SubscribeMsgSentEvent": {"List": [item]}}
    world.await_receipt(Awaited(entry["msgid"], entry["appid"], entry["openid"], entry["person"], event, "success"))


def _count_template(world: World, account: Account, entry: Record) -> None:
    account.counters.add("template")
    msgid: int = entry["msgid"]
    world.next_msgid = max(world.next_msgid, msgid + 1)
    if entry["client_msg_id"]:
        sent = account.client_messages
        key = (entry["openid"], entry["client_msg_id"])
        sent.pop(key, None)
        sent[key] = (world.clock.now(), msgid)
        forget_old(sent, world.clock.now() - world.settings.client_msg_id_window_s)
    world.await_receipt(Awaited(msgid, entry["appid"], entry["openid"], entry["person"]))


def forget_old(sent: dict[_K, tuple[float, int]], before: float) -> None:
    """Drop the entries at the front that are older than `before`; entries stand in order of time."""
    for _ in range(2):
        first = next(iter(sent), None)
        if first is None or sent[first][0] >= before:
            return
        del sent[first]


def apply_receipt(world: World, entry: Record, line: bytes) -> None:
    """Apply a receipt record: the message is answered for and its event goes out."""
    del line
    world.unreceipted.pop(entry["msgid"], None)
    world.totals.receipts += 1
    world.event_happened(entry)
