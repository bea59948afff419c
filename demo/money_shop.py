"""Sets the shop of the money up through Fanka's own commands, and puts on the input log what was set up."""

import csv
import json
import tempfile
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from demo import money_plan as plan
from demo.door import fanka
from demo.money_log import InputLog

_SCOPES = ("orders:write", "points:read", "tills", "tills:why")


@dataclass(slots=True)
class MoneyShop:
    """What came out of it."""

    keys: dict[str, str] = field(default_factory=dict)
    """API key by business unit."""
    templates: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Member:
    """Somebody with a card, and the coupons that were given to him."""

    number: str
    customer: str
    phone: str
    coupons: dict[str, tuple[str, str]] = field(default_factory=dict)
    """(id, code) by the template's name."""


def open_money(log: InputLog) -> MoneyShop:
    """Everything that exists before the first card."""
    shop = MoneyShop()
    for code, unit in plan.STORES.items():
        fanka("store", "add", code, "--name", plan.STORE_NAMES[code], "--unit", unit)
        log.write("store", code=code, unit=unit)
    fanka("programme", "add", plan.PROGRAMME, "--months", str(plan.MONTHS), "--pending-days", str(plan.PENDING_DAYS))
    log.write("programme", months=plan.MONTHS, pending_days=plan.PENDING_DAYS)
    fanka("programme", "gift", str(plan.GIFT), "--unit", plan.MALL)
    log.write("gift", points=plan.GIFT, unit=plan.MALL)
    _define_rules(log)
    for unit, goods in plan.GOODS.items():
        _list_goods(unit, goods)
        log.write("goods", unit=unit, skus={good.sku: good.category for good in goods})
    for ticket in plan.TICKETS:
        shop.templates.append(_add_ticket(ticket))
        log.write("template", id=shop.templates[-1], unit=ticket.unit, reward=ticket.reward)
    for (issuing, redeeming), (microfen, rule) in plan.PRICES.items():
        fanka("settlement", "price", issuing, redeeming, "--microfen", str(microfen), "--rule", rule)
        log.write("price", issuing=issuing, redeeming=redeeming, microfen=microfen)
    fanka("settlement", "close", plan.CLOSED)
    log.write("closed", month=plan.CLOSED)
    for unit, name in plan.TILLS.items():
        scopes = [part for scope in _SCOPES for part in ("--scope", scope)]
        shop.keys[unit] = fanka("client", "add", name, "--unit", unit, *scopes)["key"]
        log.write("client", name=name, unit=unit)
    return shop


def open_card(log: InputLog, phone: str) -> Member:
    """Open one card by phone."""
    made = fanka("member", "open", "--phone", phone)
    log.write("card", number=made["number"], customer=made["customer"], phone=phone)
    return Member(made["number"], made["customer"], phone)


def give_coupon(log: InputLog, member: Member, template: str, *, name: str) -> None:
    """Give one coupon of a template to a member."""
    made = fanka("coupon", "give", template, "--number", member.number)
    member.coupons[name] = (made["id"], made["code"])
    log.write("coupon", id=made["id"], template=template, number=member.number)


def void_coupon(log: InputLog, coupon: str) -> None:
    """Make one coupon worthless."""
    fanka("coupon", "void", coupon, "--reason", "发错了")
    log.write("void", id=coupon)


def show_matrix(log: InputLog) -> None:
    """Put the month's matrix, as the house shows it, on the log."""
    log.write("matrix", cells=fanka("settlement", "show")["cells"])


def _define_rules(log: InputLog) -> None:
    for rank, step in enumerate(plan.TIERS):
        options = ["--threshold", str(step.threshold), "--multiplier", str(step.percent)]
        options += ["--discount", str(step.discount), "--face", step.face]
        fanka("tier", "add", step.name, "--rank", str(rank), *options)
        log.write("tier", name=step.name, threshold=step.threshold, percent=step.percent)
    fanka("tier", "rule", "spend")
    special = [{"points": points, "per_fen": plan.RATE["per_fen"], "categories": [name]} for name, points in plan.SPECIAL.items()]
    # Late orders earn by the rule of their day, so it holds since long.
    since = (date.today() - timedelta(days=200)).isoformat()  # noqa: DTZ011 - a day more or less of the past.
    fanka("earning", "define", plan.RULE, "spend", "-", "--from", since, stdin={"params": {"rate": plan.RATE, "special": special}})
    log.write("rule", points=plan.RATE["points"], per_fen=plan.RATE["per_fen"], special=plan.SPECIAL)
    _let_points_pay()


def _let_points_pay() -> None:
    """What points are worth at a till."""
    pay = plan.POINTS_PAY
    options = [
        "--fen-per-100",
        str(pay["fen_per_100_points"]),
        "--cap-percent",
        str(pay["cap_percent"]),
        "--least",
        str(pay["least_points"]),
    ]
    fanka("programme", "points-pay", plan.PROGRAMME, *options)


def _list_goods(unit: str, goods: tuple[plan.Good, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "goods.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["code", "name", "category"])
            writer.writerows((good.sku, good.name, good.category) for good in goods)
        fanka("order", "goods", str(path), "--unit", unit)


def _add_ticket(ticket: plan.Ticket) -> str:
    options = ["--minimum-fen", str(ticket.minimum_fen), "--days", "30", "--stock", "5000", "--open"]
    more = json.dumps({"reward_points": ticket.reward})
    terms = json.dumps(ticket.terms, ensure_ascii=False)
    made = fanka("coupon", "add", ticket.name, "--unit", ticket.unit, "--type", ticket.type, "--terms", terms, "--more", more, *options)
    return str(made["id"])
