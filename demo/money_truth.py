"""What the input log of the money demands: every request judged and every effect worked out again, from the log alone."""

from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from typing import Any

from demo.money_log import Record
from demo.money_orders import book_order, book_return, wrong_order, wrong_return
from demo.money_state import Coupon, Member, MoneyTruth, lasts_until
from demo.money_uses import confirm, redeem, release, reverse, set_aside


def work_out(records: Iterable[Record]) -> MoneyTruth:
    """Everything again, record by record. Raises ValueError and KeyError on a log that cannot be."""
    truth = MoneyTruth()
    for record in records:
        _READERS[record["type"]](truth, record)
    return truth


def _place(truth: MoneyTruth, record: Record) -> None:
    """Who sells what where."""
    rules, kind = truth.rules, record["type"]
    if kind == "store":
        rules.stores[record["code"]] = record["unit"]
    elif kind == "client":
        rules.clients[record["name"]] = record["unit"]
    elif kind == "goods":
        rules.goods[record["unit"]] = record["skus"]
    elif kind == "template":
        rules.templates[record["id"]] = record["unit"], record["reward"]
    elif kind == "price":
        rules.prices[record["issuing"], record["redeeming"]] = record["microfen"]
    elif kind == "closed":
        rules.closed.add(record["month"])


def _promise(truth: MoneyTruth, record: Record) -> None:
    """What members are promised."""
    rules, kind = truth.rules, record["type"]
    if kind == "programme":
        rules.months, rules.pending = record["months"], timedelta(days=record["pending_days"])
    elif kind == "gift":
        rules.gift = record["points"], record["unit"]
    elif kind == "tier":
        rules.tiers.append((record["threshold"], record["name"], record["percent"]))
        rules.tiers.sort()
    elif kind == "rule":
        rules.rate = Fraction(record["points"], record["per_fen"])
        rules.special = {name: Fraction(points, record["per_fen"]) for name, points in record["special"].items()}


def _card(truth: MoneyTruth, record: Record) -> None:
    member = truth.members[record["number"]] = Member(record["number"])
    truth.phones[record["phone"]] = truth.customers[record["customer"]] = member
    points, unit = truth.rules.gift
    if points:
        member.book.earn(points, unit=unit, ripe=True, until=lasts_until(truth, record))


def _coupon(truth: MoneyTruth, record: Record) -> None:
    truth.coupons[record["id"]] = Coupon(record["template"], truth.members[record["number"]])


def _void(truth: MoneyTruth, record: Record) -> None:
    truth.coupons[record["id"]].state = "voided"


def _matrix(truth: MoneyTruth, record: Record) -> None:
    truth.matrix = record["cells"]


def _ask(truth: MoneyTruth, record: Record) -> None:
    truth.asked[record["n"]] = record


def _answer(truth: MoneyTruth, record: Record) -> None:
    asked = truth.asked.pop(record["to"])
    status, path = record["status"], asked["path"]
    if not status or record["body"].get("code") == "in_progress":
        return
    done = status < 400
    way = path.strip("/").split("/")
    if way[0] == "orders":
        wrong = wrong_order(truth, asked) if len(way) == 1 else wrong_return(truth, asked, (way[1], way[2]))
        truth.judged[record["n"], "refused" if wrong else "done"] += 1
        truth.answered[record["n"], "done" if done else "refused"] += 1
        if wrong:
            return
        if len(way) == 1:
            book_order(truth, asked)
        else:
            book_return(truth, asked, (way[1], way[2]))
    elif done and path in _AT_TILL:
        _AT_TILL[path](truth, asked, record["body"])
    elif done and len(way) == 4:
        _STEPS[way[1], way[3]](truth, way[2], asked, record["body"])


def _nothing(truth: MoneyTruth, asked: Record, told: dict[str, Any]) -> None:
    """A question changes nothing."""


_AT_TILL = {"/till/holds": set_aside, "/till/redemptions": redeem, "/till/quotes": _nothing, "/till/members": _nothing}
_STEPS = {("holds", "confirm"): confirm, ("holds", "release"): release, ("redemptions", "reverse"): reverse}
_READERS = {
    **dict.fromkeys(("store", "client", "goods", "template", "price", "closed"), _place),
    **dict.fromkeys(("programme", "gift", "tier", "rule"), _promise),
    "card": _card,
    "coupon": _coupon,
    "void": _void,
    "matrix": _matrix,
    "ask": _ask,
    "answer": _answer,
}
