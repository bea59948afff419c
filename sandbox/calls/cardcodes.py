"""Legacy card codes: query, consume, decrypt, change, make void."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.acts.cards import encrypt_code
from sandbox.acts.perform import platform_event
from sandbox.calls.base import Call, call, effect_of, refuse

if TYPE_CHECKING:
    from sandbox.state.account import Account, CardCode
    from sandbox.state.world import Record, World

MAX_CODE: Final = 20


def code_of(call_: Call) -> CardCode:
    """Return the card behind a code; refuses with 41011, 40056, or 40127 when it is of another card."""
    code, card_id = call_.body.get("code"), call_.body.get("card_id")
    if not isinstance(code, str) or not 1 <= len(code) <= MAX_CODE:
        refuse(40056)
    found = call_.account.card_codes.get(code)
    if found is None or (card_id and card_id != found.card_id):
        refuse(40056)
    if _custom(call_, found) and not card_id:
        refuse(41012)
    return found


def _custom(call_: Call, code: CardCode) -> bool:
    card = call_.account.cards.get(code.card_id)
    base: Any = card.body["base_info"] if card else {}
    return bool(base.get("use_custom_code"))


def must_be_usable(code: CardCode) -> None:
    """Refuse a card that is used (40099), void (40078) or gone (40127)."""
    if code.status == "CONSUMED":
        refuse(40099)
    if code.status == "UNAVAILABLE":
        refuse(40078)
    if code.status != "NORMAL":
        refuse(40127)


@call("/card/code/get")
def get_code(call_: Call) -> Record:
    """Tell about a code; with check_consume a code that cannot be consumed is refused."""
    code = code_of(call_)
    usable = code.status == "NORMAL"
    if call_.body.get("check_consume", True) and not usable:
        refuse(40127)
    card = {"card_id": code.card_id, "begin_time": code.begin_time, "end_time": code.end_time or code.begin_time + 31_536_000}
    return {"card": card, "openid": code.openid, "can_consume": usable, "user_card_status": code.status, "outer_str": code.outer_str}


@call("/card/code/consume")
def consume_code(call_: Call) -> Record:
    """Consume a coupon; the platform then tells user_consume_card."""
    code = code_of(call_)
    must_be_usable(code)
    contact = call_.account.contacts[code.openid]
    call_.accept(code=code.code, status="CONSUMED", card_id=code.card_id, openid=code.openid)
    platform_event(
        call_.world,
        call_.account,
        contact,
        {
            "Event": "user_consume_card",
            "CardId": code.card_id,
            "UserCardCode": code.code,
            "ConsumeSource": "FROM_API",
            "LocationName": "",
            "StaffOpenId": "",
            "VerifyCode": "",
            "RemarkAmount": "",
            "OuterStr": code.outer_str,
        },
    )
    return {"card": {"card_id": code.card_id}, "openid": code.openid}


@call("/card/code/unavailable")
def make_void(call_: Call) -> Record:
    """Make a card void for good."""
    code = code_of(call_)
    if code.status in {"CONSUMED", "DELETE", "UNAVAILABLE"}:
        refuse(40127)
    call_.accept(code=code.code, status="UNAVAILABLE", reason=call_.text("reason", default="", limit=256))
    return {}


@effect_of("/card/code/consume", "/card/code/unavailable")
def status_changed(world: World, account: Account, effect: Record) -> None:
    """Keep the status."""
    del world
    account.card_codes[effect["code"]].status = effect["status"]


@call("/card/code/update")
def change_code(call_: Call) -> Record:
    """Give a card another code."""
    code, new = code_of(call_), call_.text("new_code", 41011, limit=MAX_CODE)
    must_be_usable(code)
    if not new or new in call_.account.card_codes:
        refuse(40109)
    call_.accept(code=code.code, new_code=new)
    return {}


@effect_of("/card/code/update")
def code_changed(world: World, account: Account, effect: Record) -> None:
    """Keep the new code."""
    del world
    code = account.card_codes.pop(effect["code"])
    code.code = effect["new_code"]
    account.card_codes[code.code] = code
    mine = account.contacts[code.openid].codes
    mine[mine.index(effect["code"])] = code.code


@call("/card/code/decrypt")
def decrypt_code(call_: Call) -> Record:
    """Return the code behind the hidden one of a URL."""
    hidden = call_.text("encrypt_code", 41011)
    found = next((c for c in call_.account.card_codes.values() if encrypt_code(c) == hidden), None)
    if found is None:
        refuse(40056)
    return {"code": found.code}
