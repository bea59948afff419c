"""Mini programs, subscription pop-ups, privacy revocations, one-time codes, and events sent as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from sandbox.acts.base import Act, ActImpossibleError, ActWrongError, Happening, applies, performs
from sandbox.state.identity import text_id

if TYPE_CHECKING:
    from sandbox.state.account import Account
    from sandbox.state.person import Contact
    from sandbox.state.world import Record, World

MAX_RAW: Final = 32 * 1024
LOGIN_CODE_S: Final = 300.0
# The platform answers these menu events with the same window as a click.
_CLICK_LIKE: Final = {"CLICK", "scancode_push", "scancode_waitmsg"}


@performs("enter_mini")
def enter_mini(act: Act) -> Happening:
    """Open the customer-service session of a mini program."""
    _only_minis(act)
    return Happening(act.event("user_enter_tempsession", SessionFrom=act.text("session_from", "sessionFrom")))


@performs("subscribe_popup")
def subscribe_popup(act: Act) -> Happening:
    """Answer a pop-up that asks for subscription messages: status accept or reject."""
    status = _status(act, "accept")
    item = {
        "TemplateId": act.text("template_id"),
        "SubscribeStatusString": status,
        "PopupScene": act.text("popup_scene", "1"),
    }
    return Happening(_with_list(act, "subscribe_msg_popup_event", "SubscribeMsgPopupEvent", item))


@performs("subscribe_change")
def subscribe_change(act: Act) -> Happening:
    """Change the subscription in the account's settings; the platform tells refusals only."""
    item = {"TemplateId": act.text("template_id"), "SubscribeStatusString": _status(act, "reject")}
    return Happening(_with_list(act, "subscribe_msg_change_event", "SubscribeMsgChangeEvent", item))


def _status(act: Act, default: str) -> str:
    status = act.text("status", default)
    if status not in {"accept", "reject"}:
        message = "status is accept or reject"
        raise ActWrongError(message)
    return status


def _with_list(act: Act, event: str, wrapper: str, item: Record) -> Record:
    # JSON carries List at the top: one item stands alone, several stand in an array.
    if act.account.format == "json":
        return act.event(event, List=item)
    return act.event(event, **{wrapper: {"List": [item]}})


@performs("revoke_info")
def revoke_info(act: Act) -> Happening:
    """Take back the permission to use personal data; `info` lists the platform's numbers of what."""
    event = act.text("event", "user_authorization_revoke")
    return Happening(
        act.event(
            event,
            OpenID=act.contact.openid,
            AppID=act.account.appid,
            RevokeInfo=act.text("info", "301"),
            PluginID="",
            OpenPID="",
        )
    )


@performs("raw")
def raw(act: Act) -> Happening:
    """Send any event or message: the fields go out as they are, missing envelope fields are added."""
    fields = act.params.get("fields")
    if not isinstance(fields, dict) or not all(isinstance(key, str) for key in fields):
        message = "raw needs fields: an object"
        raise ActWrongError(message)
    if len(orjson.dumps(fields)) > MAX_RAW:
        message = f"raw fields are larger than {MAX_RAW} bytes"
        raise ActWrongError(message)
    return Happening({**act.envelope("event"), **fields})


@performs("login_code", "phone_code")
def one_time_code(act: Act) -> Happening:
    """Give the mini program a code: wx.login's for jscode2session, or getPhoneNumber's."""
    _only_minis(act)
    code = text_id(act.world.seed, act.do, act.person.id, act.account.appid, act.world.n, length=32)
    return Happening(None, {"code": code}, {"code": code})


def _only_minis(act: Act) -> None:
    if act.account.kind != "mini":
        message = f"{act.account.appid} is no mini program"
        raise ActImpossibleError(message)


@applies("login_code", "phone_code")
def apply_code(world: World, account: Account, contact: Contact, entry: Record) -> None:
    """Keep the code for five minutes; it works once."""
    now = world.clock.now()
    while world.login_codes and next(iter(world.login_codes.values()))[3] < now:
        del world.login_codes[next(iter(world.login_codes))]
    world.login_codes[entry["code"]] = (entry["do"], account.appid, contact.person, now + LOGIN_CODE_S)


@applies("enter_mini")
def apply_enter(world: World, account: Account, contact: Contact, entry: Record) -> None:
    """Two service messages within a minute."""
    del world, account
    contact.open_window("enter_mini", entry["fields"]["CreateTime"])


@applies("subscribe_popup", "subscribe_change")
def apply_popup(world: World, account: Account, contact: Contact, entry: Record) -> None:
    """One accepted pop-up allows one message; a refusal in the settings takes all back."""
    del world
    fields: dict[str, Any] = entry["fields"]
    wrapped = fields.get("SubscribeMsgPopupEvent") or fields.get("SubscribeMsgChangeEvent")
    item = wrapped["List"][0] if wrapped else fields["List"]
    key = (contact.openid, item["TemplateId"])
    if item["SubscribeStatusString"] == "accept":
        account.popups[key] = account.popups.get(key, 0) + 1
    elif entry["do"] == "subscribe_change":
        account.popups[key] = 0


@applies("raw")
def apply_raw(world: World, account: Account, contact: Contact, entry: Record) -> None:
    """Open the window of a menu event that was sent raw."""
    del world, account
    at = entry["fields"].get("CreateTime")
    if entry["fields"].get("Event") in _CLICK_LIKE and isinstance(at, int):
        contact.open_window("click", at)
