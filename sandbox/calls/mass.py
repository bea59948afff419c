"""Mass messages: by tag, to all, by openid; four a person and month, sixty calls a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.calls.base import Call, call, effect_of, refuse
from sandbox.calls.service import card_content, media_content, read_content, text_content
from sandbox.state.messages import deliver, forget_old
from sandbox.state.world import Awaited

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.state.account import Account
    from sandbox.state.person import Contact
    from sandbox.state.world import Record, World

MAX_OPENIDS: Final = 10_000
CLIENT_ID_S: Final = 24 * 3600.0
MAX_CLIENT_ID: Final = 64
_SPEEDS: Final = (80, 60, 45, 30, 10)


def _images(call_: Call, content: Any) -> Record:
    ids = content.get("media_ids") if isinstance(content, dict) else None
    if not isinstance(ids, list) or not 1 <= len(ids) <= 20:
        refuse(40007)
    for media_id in ids:
        if not isinstance(media_id, str) or media_id not in call_.account.media:
            refuse(40007)
    return {"media_ids": ids}


_TYPES: Final[dict[str, Callable[[Call, Any], Record]]] = {
    "text": text_content,
    "mpnews": media_content,
    "voice": media_content,
    "image": media_content,
    "images": _images,
    "mpvideo": media_content,
    "video": media_content,
    "music": media_content,
    "wxcard": card_content,
}


@call("/cgi-bin/message/mass/sendall")
def send_all(call_: Call) -> Record:
    """Send to everybody or to those with a tag."""
    filter_ = call_.mapping("filter")
    to_all = filter_.get("is_to_all") is True
    account = call_.account
    repeated_first(call_)
    if to_all:
        call_.take_quota("mass_all", 45028)
        chosen = [contact for contact in account.contacts.values() if contact.following]
    else:
        tag_id = filter_.get("tag_id", filter_.get("group_id"))
        tag_id = int(tag_id) if isinstance(tag_id, str) and tag_id.isdigit() else tag_id
        tag = account.tags.get(tag_id) if isinstance(tag_id, int) else None
        if tag is None:
            refuse(40050)
        chosen = [account.contacts[openid] for openid in tag.openids]
    return _send(call_, chosen, len(chosen), to_all=to_all)


@call("/cgi-bin/message/mass/send")
def send_list(call_: Call) -> Record:
    """Send to 2 to 10 000 openids; unknown ones and non-followers are passed over."""
    openids = call_.body.get("touser")
    if not isinstance(openids, list) or len(openids) > MAX_OPENIDS:
        refuse(40032)
    if len(openids) < 2:
        refuse(40130)
    repeated_first(call_)
    wanted = dict.fromkeys(openid for openid in openids if isinstance(openid, str))
    known = [call_.account.contacts[openid] for openid in wanted if openid in call_.account.contacts]
    return _send(call_, [contact for contact in known if contact.following], len(openids), to_all=False)


def repeated_first(call_: Call) -> None:
    """Refuse a repeated clientmsgid with 45065 and the first msg_id."""
    client_id = call_.body.get("clientmsgid")
    if client_id is None:
        return
    if not isinstance(client_id, str) or not 1 <= len(client_id.encode()) <= MAX_CLIENT_ID:
        refuse(40035, "clientmsgid")
    sent = call_.account.mass_sends.get(client_id)
    if sent and call_.world.clock.now() - sent[0] < CLIENT_ID_S:
        refuse(45065, msg_id=sent[1])


def _send(call_: Call, chosen: list[Contact], total: int, *, to_all: bool) -> Record:
    account, world = call_.account, call_.world
    type_, content = read_content(call_, _TYPES)
    if account.kind == "subscription":
        call_.take_quota("mass_subscription", 45028)
    call_.take_quota("mass_minute", 45011)
    msg_id = world.next_mass_id
    reached = [contact for contact in chosen if month_count(world, account, contact) < world.settings.quota["mass"]]
    client_id = call_.body.get("clientmsgid")
    for contact in reached:
        deliver(
            world,
            account,
            contact,
            via="mass",
            data=content,
            msgid=msg_id,
            client_msg_id=client_id,
            more={"msgtype": type_},
        )
    counts = {
        "TotalCount": total,
        "FilterCount": len(chosen),
        "SentCount": len(reached),
        "ErrorCount": len(chosen) - len(reached),
    }
    call_.accept(msg_id=msg_id, clientmsgid=client_id, to_all=to_all, counts=counts)
    return {"errmsg": "send job submission success", "msg_id": msg_id, "msg_data_id": msg_id + 1_000_000_000}


def month_count(world: World, account: Account, contact: Contact) -> int:
    """Return how many mass messages reached a person this month."""
    now = world.clock.month()
    own = contact.mass[1] if contact.mass[0] == now else 0
    floor = account.mass_floor[1] if account.mass_floor[0] == now else 0
    return max(own, floor)


@effect_of("/cgi-bin/message/mass/sendall", "/cgi-bin/message/mass/send")
def mass_sent(world: World, account: Account, effect: Record) -> None:
    """Count the call, remember its clientmsgid and expect the end of the job."""
    account.counters.add("mass_minute")
    if account.kind == "subscription":
        account.counters.add("mass_subscription")
    if effect["to_all"]:
        account.counters.add("mass_all")
    msg_id: int = effect["msg_id"]
    world.next_mass_id = max(world.next_mass_id, msg_id + 1)
    if effect["clientmsgid"]:
        account.mass_sends[effect["clientmsgid"]] = (world.clock.now(), msg_id)
        forget_old(account.mass_sends, world.clock.now() - CLIENT_ID_S)
    account.mass_states[msg_id] = "SENDING"
    blank = {"Count": 0, "ResultList": ""}
    event: Record = {
        "Event": "MASSSENDJOBFINISH",
        "MsgID": msg_id,
        "Status": "send success",
        **effect["counts"],
        "CopyrightCheckResult": {**blank, "CheckState": 0},
        "ArticleUrlResult": blank,
    }
    world.await_receipt(Awaited(msg_id, account.appid, "", "", event, "send success"))


@call("/cgi-bin/message/mass/preview")
def preview(call_: Call) -> Record:
    """Send a mass message to one person to look at; it does not count against the month."""
    contact = call_.contact(call_.body.get("touser"))
    if not contact.following:
        refuse(43004)
    call_.take_quota("preview")
    type_, content = read_content(call_, _TYPES)
    msg_id = call_.world.next_mass_id
    more: Record = {"msgtype": type_, "preview": True}
    deliver(call_.world, call_.account, contact, via="mass", data=content, msgid=msg_id, more=more)
    call_.accept(msg_id=msg_id)
    return {"errmsg": "preview success", "msg_id": msg_id}


@effect_of("/cgi-bin/message/mass/preview")
def previewed(world: World, account: Account, effect: Record) -> None:
    """Count the preview."""
    account.counters.add("preview")
    world.next_mass_id = max(world.next_mass_id, effect["msg_id"] + 1)


@call("/cgi-bin/message/mass/get", bare=True)
def mass_state(call_: Call) -> Record:
    """Tell how far a job is."""
    msg_id = call_.integer("msg_id")
    state = call_.account.mass_states.get(msg_id)
    if state is None:
        refuse(40035, "msg_id")
    if state == "SENDING" and msg_id not in call_.world.unreceipted:
        state = "SEND_SUCCESS"
    return {"msg_id": msg_id, "msg_status": state}


@call("/cgi-bin/message/mass/delete")
def delete_mass(call_: Call) -> Record:
    """Withdraw a mass message."""
    msg_id = call_.integer("msg_id")
    if msg_id not in call_.account.mass_states:
        refuse(40035, "msg_id")
    call_.accept(msg_id=msg_id)
    return {}


@effect_of("/cgi-bin/message/mass/delete")
def mass_deleted(world: World, account: Account, effect: Record) -> None:
    """Mark the job deleted."""
    del world
    account.mass_states[effect["msg_id"]] = "DELETE"


@call("/cgi-bin/message/mass/speed/get", bare=True)
def get_speed(call_: Call) -> Record:
    """Return the speed of mass jobs in 10 000 a minute."""
    return {"speed": call_.account.mass_speed, "realspeed": _SPEEDS[call_.account.mass_speed]}


@call("/cgi-bin/message/mass/speed/set")
def set_speed(call_: Call) -> Record:
    """Set the speed: 0 to 4."""
    if "speed" not in call_.body:
        refuse(45084)
    speed = call_.integer("speed", 45083)
    if not 0 <= speed < len(_SPEEDS):
        refuse(45083)
    call_.accept(speed=speed)
    return {}


@effect_of("/cgi-bin/message/mass/speed/set")
def speed_set(world: World, account: Account, effect: Record) -> None:
    """Keep the speed."""
    del world
    account.mass_speed = effect["speed"]
