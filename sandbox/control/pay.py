"""Merchants of WeChat Pay, and what their customers do: pay, and get money back."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from sandbox.control.base import Platform, as_object, control, control_effect, decide, read_account, read_number, read_text, wrong
from sandbox.net.client import parse_target
from sandbox.state.identity import digest, text_id
from sandbox.state.merchant import REPEATS_S, Merchant, Notice, new_private_key

if TYPE_CHECKING:
    from sandbox.net.message import Request
    from sandbox.state.world import Record, World

_MCHID: Final = re.compile(r"\d{8,10}")
_NUMBER: Final = re.compile(r"[0-9A-Za-z_*|@-]{6,32}")
_KEY_SIGNS: Final = 32
_CHINA: Final = timezone(timedelta(hours=8))
MAX_MERCHANTS: Final = 100
MAX_COPIES: Final = 10


@control("POST", "/_control/pay/merchants")
def put_merchant(platform: Platform, request: Request, body: Any) -> Record:
    """Make a merchant, or change one; his key pair stays. Answers serial and public key."""
    del request
    wanted = as_object(body)
    world = platform.world
    mchid, key = read_text(wanted, "mchid"), read_text(wanted, "api_v3_key")
    if not _MCHID.fullmatch(mchid) or len(key.encode()) != _KEY_SIGNS:
        wrong("mchid has 8 to 10 digits, api_v3_key 32 bytes")
    if mchid not in world.merchants and len(world.merchants) >= MAX_MERCHANTS:
        wrong(f"at most {MAX_MERCHANTS} merchants", 409)
    notify_url = read_text(wanted, "notify_url", limit=2048)
    try:
        target = parse_target(notify_url)
    except ValueError as error:
        wrong(str(error))
    if target.query:
        wrong("notify_url has no query")
    known = world.merchants.get(mchid)
    waits = wanted.get("repeat_after_s", list(REPEATS_S))
    if not isinstance(waits, list) or len(waits) > len(REPEATS_S):
        wrong(f"repeat_after_s is a list of at most {len(REPEATS_S)} seconds")
    fields: Record = {
        "mchid": mchid,
        "appid": read_account(world, wanted),
        "api_v3_key": key,
        "notify_url": notify_url,
        "serial": known.serial if known else f"PUB_KEY_ID_{mchid}{digest(world.seed, mchid, world.n, size=9).hex()}",
        "private_key": known.private_key if known else new_private_key(),
        "repeat_after_s": [read_number({"repeat_after_s": wait}, "repeat_after_s", most=86_400) for wait in waits],
    }
    decide(platform, "pay_merchant", {"set": fields})
    made = world.merchants[mchid]
    return {"mchid": mchid, "serial": made.serial, "public_key": made.public_pem()}


@control_effect("pay_merchant")
def merchant_put(world: World, entry: Record) -> None:
    """Keep the merchant."""
    fields = {**entry["set"], "repeat_after_s": tuple(entry["set"]["repeat_after_s"])}
    world.merchants[fields["mchid"]] = Merchant(**fields)


@control("POST", "/_control/pay")
def pay(platform: Platform, request: Request, body: Any) -> Record:
    """Let a person pay a merchant; the notice goes out."""
    del request
    wanted = as_object(body)
    world = platform.world
    merchant = _merchant(world, wanted)
    person = world.people.get(read_text(wanted, "person"))
    if person is None:
        wrong("no such person", 404)
    total = _fen(wanted, "total_fen")
    coupon = int(read_number(wanted, "coupon_fen", 0, most=total))
    number = f"42000{world.n:05d}{int.from_bytes(digest(world.seed, 'pay', world.n, size=8)):020d}"[:28]
    out_trade_no = read_text(wanted, "out_trade_no", f"T{number[-20:]}", limit=32)
    if not _NUMBER.fullmatch(out_trade_no):
        wrong("out_trade_no has 6 to 32 letters, digits and _-*|@")
    contact = world.contact(person, world.accounts[merchant.appid], keep=False)
    plain: Record = {
        "transaction_id": number,
        "amount": {"payer_total": total - coupon, "total": total, "currency": "CNY", "payer_currency": "CNY"},
        "mchid": merchant.mchid,
        "trade_state": "SUCCESS",
        "bank_type": "OTHERS",
        "success_time": _moment(world),
        "payer": {"openid": contact.openid},
        "out_trade_no": out_trade_no,
        "appid": merchant.appid,
        "trade_state_desc": "支付成功",
        "trade_type": "JSAPI",
        "attach": read_text(wanted, "attach", "", limit=128),
    }
    decide(platform, "pay", {"person": person.id, "payment": plain, **_notice(world, wanted, merchant, "TRANSACTION.SUCCESS", plain)})
    platform.cashier.send(world.notices[_notice_id(world)])
    return {"transaction_id": number, "out_trade_no": out_trade_no, "openid": contact.openid}


@control("POST", "/_control/pay/refund")
def refund(platform: Platform, request: Request, body: Any) -> Record:
    """Give a payer money back, all or a part; the notice goes out."""
    del request
    wanted = as_object(body)
    world = platform.world
    paid = world.payments.get(read_text(wanted, "transaction_id"))
    if paid is None:
        wrong("no such payment", 404)
    fen = int(read_number(wanted, "refund_fen", paid["left"], most=paid["left"]))
    if fen < 1:
        wrong("nothing is left to refund", 409)
    merchant = world.merchants[paid["mchid"]]
    number = f"50000{world.n:05d}{int.from_bytes(digest(world.seed, 'refund', world.n, size=8)):020d}"[:28]
    plain: Record = {
        "mchid": merchant.mchid,
        "out_trade_no": paid["out_trade_no"],
        "transaction_id": paid["transaction_id"],
        "out_refund_no": read_text(wanted, "out_refund_no", f"R{number[-20:]}", limit=64),
        "refund_id": number,
        "refund_status": "SUCCESS",
        "success_time": _moment(world),
        "user_received_account": "支付用户零钱",
        "amount": {"total": paid["total"], "refund": fen, "payer_total": paid["payer_total"], "payer_refund": fen},
    }
    decide(platform, "refund", {"refund": plain, **_notice(world, wanted, merchant, "REFUND.SUCCESS", plain)})
    platform.cashier.send(world.notices[_notice_id(world)])
    return {"refund_id": number, "left_fen": world.payments[paid["transaction_id"]]["left"]}


@control_effect("pay")
def paid(world: World, entry: Record) -> None:
    """Keep the payment, its openid and its notice."""
    said = entry["payment"]
    contact = world.contact(world.people[entry["person"]], world.accounts[said["appid"]])
    contact.open_window("pay", world.clock.now())
    total = said["amount"]["total"]
    world.payments[said["transaction_id"]] = {
        "mchid": said["mchid"],
        "out_trade_no": said["out_trade_no"],
        "transaction_id": said["transaction_id"],
        "total": total,
        "payer_total": said["amount"]["payer_total"],
        "left": total,
    }
    _keep(world, entry, said)


@control_effect("refund")
def refunded(world: World, entry: Record) -> None:
    """Count the refund and keep its notice."""
    said = entry["refund"]
    world.payments[said["transaction_id"]]["left"] -= said["amount"]["refund"]
    _keep(world, entry, said)


def _keep(world: World, entry: Record, plain: Record) -> None:
    told = entry["notice"]
    world.notices[told["id"]] = Notice(told["id"], told["mchid"], told["event_type"], plain, told["create_time"], told["copies"])


def _notice(world: World, wanted: Record, merchant: Merchant, event_type: str, plain: Record) -> Record:
    del plain
    copies = int(read_number(wanted, "copies", 1, most=MAX_COPIES))
    told = {
        # The record that keeps the notice is the next one, so its number makes the id.
        "id": text_id(world.seed, "notice", world.n + 1, length=36),
        "mchid": merchant.mchid,
        "event_type": event_type,
        "create_time": _moment(world),
        "copies": max(copies, 1),
    }
    return {"notice": told}


def _notice_id(world: World) -> str:
    return text_id(world.seed, "notice", world.n, length=36)


def _merchant(world: World, wanted: Record) -> Merchant:
    merchant = world.merchants.get(read_text(wanted, "mchid"))
    if merchant is None:
        wrong("no such merchant", 404)
    return merchant


def _fen(wanted: Record, name: str) -> int:
    value = wanted.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 10**10:
        wrong(f"{name} is a whole number of fen, at least 1")
    return value


def _moment(world: World) -> str:
    return datetime.fromtimestamp(int(world.clock.now()), _CHINA).isoformat()
