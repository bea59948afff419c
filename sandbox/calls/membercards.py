"""Legacy member cards: activation, the one-tap form, points and balance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.acts.cards import activate_ticket
from sandbox.acts.perform import platform_event
from sandbox.calls.base import Call, call, effect_of, refuse
from sandbox.calls.cardcodes import code_of, must_be_usable
from sandbox.calls.cards import MEMBER, card_of

if TYPE_CHECKING:
    from sandbox.state.account import Account, CardCode
    from sandbox.state.world import Record, World

MAX_NOTE: Final = 14
MAX_CUSTOM_BYTES: Final = 12
_CUSTOM: Final = ("custom_field_value1", "custom_field_value2", "custom_field_value3")
_FLAG: Final = "USER_FORM_INFO_FLAG_"


def _member_code(call_: Call) -> CardCode:
    code = code_of(call_)
    card = call_.account.cards.get(code.card_id)
    if card and card.card_type != MEMBER:
        refuse(40071)
    return code


def _custom_fields(call_: Call, prefix: str = "") -> dict[str, str]:
    found = {}
    for name in _CUSTOM:
        value = call_.body.get(prefix + name)
        if value is None:
            continue
        if not isinstance(value, str) or len(value.encode()) > MAX_CUSTOM_BYTES:
            refuse(45021, prefix + name)
        found[name] = value
    return found


@call("/card/membercard/activate")
def activate(call_: Call) -> Record:
    """Activate a card under the member's number, with first points and balance (fen)."""
    code = _member_code(call_)
    must_be_usable(code)
    number = call_.text("membership_number", 41011, limit=20)
    if not number:
        refuse(41011, "membership_number")
    call_.accept(
        code=code.code,
        membership_number=number,
        bonus=call_.integer("init_bonus", default=0),
        balance=call_.integer("init_balance", default=0),
        custom_fields=_custom_fields(call_, "init_"),
    )
    return {}


@effect_of("/card/membercard/activate")
def activated(world: World, account: Account, effect: Record) -> None:
    """Keep the activation."""
    del world
    code = account.card_codes[effect["code"]]
    code.active = True
    code.membership_number = effect["membership_number"]
    code.bonus, code.balance = effect["bonus"], effect["balance"]
    code.custom_fields.update(effect["custom_fields"])


@call("/card/membercard/activateuserform/set")
def set_form(call_: Call) -> Record:
    """Say what the one-tap activation asks."""
    card = card_of(call_, call_.body.get("card_id"))
    if card.card_type != MEMBER:
        refuse(40071)
    form: Record = {}
    for name in ("service_statement", "bind_old_card", "required_form", "optional_form"):
        value = call_.body.get(name)
        if value is not None and not isinstance(value, dict):
            refuse(40097, name)
        if value is not None:
            form[name] = value
    if not form.get("required_form") and not form.get("optional_form"):
        refuse(41011, "required_form")
    call_.accept(card_id=card.card_id, form=form)
    return {}


@effect_of("/card/membercard/activateuserform/set")
def form_set(world: World, account: Account, effect: Record) -> None:
    """Keep the form."""
    del world
    account.cards[effect["card_id"]].form = effect["form"]


@call("/card/membercard/activatetempinfo/get")
def submitted_form(call_: Call) -> Record:
    """Return what a person filled in, by the ticket of the activation page."""
    ticket = call_.text("activate_ticket", 41011)
    codes = call_.account.card_codes.values()
    found = next((c for c in codes if c.form and activate_ticket(c) == ticket), None)
    if found is None:
        refuse(40097, "activate_ticket")
    return {"info": _form_lists(found)}


def _form_lists(code: CardCode) -> Record:
    common = [{"name": name, "value": value} for name, value in code.form.items() if name.startswith(_FLAG)]
    custom = [{"name": name, "value": value} for name, value in code.form.items() if not name.startswith(_FLAG)]
    return {"common_field_list": common, "custom_field_list": custom}


@call("/card/membercard/userinfo/get")
def member_info(call_: Call) -> Record:
    """Tell about a member: number, points, balance, form and card status."""
    code = _member_code(call_)
    return {
        "openid": code.openid,
        "nickname": "",
        "membership_number": code.membership_number,
        "bonus": code.bonus,
        "balance": code.balance,
        "sex": "MALE",
        "user_info": _form_lists(code),
        "user_card_status": code.status,
        "has_active": code.active,
    }


@call("/card/membercard/updateuser")
def update_member(call_: Call) -> Record:
    """Set points and balance, absolutely or by a difference; the person sees it and update_member_card is told."""
    code = _member_code(call_)
    must_be_usable(code)
    bonus = _result(call_, "bonus", code.bonus)
    balance = _result(call_, "balance", code.balance)
    for name in ("record_bonus", "record_balance"):
        if len(call_.text(name, default="")) > MAX_NOTE:
            refuse(45021, name)
    fields = _custom_fields(call_)
    notify = call_.body.get("notify_optional")
    changes = {"ModifyBonus": bonus - code.bonus, "ModifyBalance": balance - code.balance}
    call_.accept(code=code.code, bonus=bonus, balance=balance, custom_fields=fields, notify=notify if isinstance(notify, dict) else {})
    event: Record = {"Event": "update_member_card", "CardId": code.card_id, "UserCardCode": code.code, **changes}
    platform_event(call_.world, call_.account, call_.account.contacts[code.openid], event)
    return {"result_bonus": bonus, "result_balance": balance, "openid": code.openid}


def _result(call_: Call, name: str, now: int) -> int:
    """Return the value after the call; the absolute one wins over the difference."""
    if name in call_.body:
        result = call_.integer(name)
    else:
        change: Any = call_.body.get(f"add_{name}", 0)
        if not isinstance(change, int) or isinstance(change, bool):
            refuse(40035, f"add_{name}")
        result = now + change
    if not 0 <= result < 1 << 31:
        refuse(40035, name)
    return result


@effect_of("/card/membercard/updateuser")
def member_updated(world: World, account: Account, effect: Record) -> None:
    """Keep points and balance."""
    del world
    code = account.card_codes[effect["code"]]
    code.bonus, code.balance = effect["bonus"], effect["balance"]
    code.custom_fields.update(effect["custom_fields"])
