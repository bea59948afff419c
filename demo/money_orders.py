"""Orders and returns judged and worked out again: which must be refused, what one earns, what a return takes and gives back."""

from datetime import datetime, timedelta
from typing import Any

from demo.money_books import day_of, last_day, longest_first, part_of, share_out
from demo.money_log import Record
from demo.money_state import Key, Member, MoneyTruth, Order, moment_of

_AHEAD = timedelta(minutes=10)


def wrong_order(truth: MoneyTruth, asked: Record) -> bool:
    """Whether this order must be refused, by the rules a till is told."""
    body, rules = asked["body"], truth.rules
    known = truth.orders.get((body["source"], body["order_no"]))
    unit = rules.stores.get(body["store"])
    goods = rules.goods.get(unit or "", {})
    return (
        unit is None
        or unit != rules.clients[asked["client"]]
        or any(not 0 <= line["discount_fen"] <= line["amount_fen"] or line["sku"] not in goods for line in body["lines"])
        or datetime.fromisoformat(body["paid_at"]) > moment_of(asked) + _AHEAD
        or body.get("period") in rules.closed
        or ("card" in body and body["card"] not in truth.members)
        or (known is not None and known.body != body)
    )


def wrong_return(truth: MoneyTruth, asked: Record, key: Key) -> bool:
    """Whether this return must be refused: no such order of this till, more than was bought, or the same number with other content."""
    body, order = asked["body"], truth.orders.get(key)
    known = truth.returns.get((key[0], body["return_no"]))
    if order is None or order.unit != truth.rules.clients[asked["client"]]:
        return True
    if known is not None:
        return known != (key, body)
    bought = {number: line["quantity"] for number, line in enumerate(order.body["lines"], 1)}
    return any(order.returned[line["line_no"]] + line["quantity"] > bought.get(line["line_no"], 0) for line in body["lines"])


def book_order(truth: MoneyTruth, asked: Record) -> None:
    """One order on record, once: its buyer, his points, and the tier they lead to."""
    body, rules = asked["body"], truth.rules
    key = body["source"], body["order_no"]
    if key in truth.orders:
        truth.again += 1
        return
    unit = rules.stores[body["store"]]
    order = truth.orders[key] = Order(unit, body, _buyer(truth, body))
    if order.member is None:
        return
    member, weights = order.member, {}
    for number, line in enumerate(body["lines"], 1):
        rate = rules.special.get(rules.goods[unit][line["sku"]], rules.rate)
        weights[number] = (line["amount_fen"] - line["discount_fen"]) * rate
    points = int(sum(weights.values()) * rules.tiers[member.tier][2] / 100)
    paid_at = datetime.fromisoformat(body["paid_at"])
    if points:
        scale = rules.rate.denominator
        order.shares = share_out(points, {number: int(weight * scale) for number, weight in weights.items()})
        ripe = paid_at + rules.pending <= moment_of(asked)
        order.lot = member.book.earn(points, unit=unit, ripe=ripe, until=last_day(day_of(paid_at), rules.months))
    member.spent += sum(line["amount_fen"] - line["discount_fen"] for line in body["lines"])
    reached = max(place for place, (threshold, *_) in enumerate(rules.tiers) if member.spent >= threshold)
    if reached > member.tier:
        member.tier, member.climbs = reached, member.climbs + 1


def book_return(truth: MoneyTruth, asked: Record, key: Key) -> None:
    """One return on record, once: what it takes back, and what it gives back of the points that paid."""
    body, order = asked["body"], truth.orders[key]
    if (key[0], body["return_no"]) in truth.returns:
        truth.again += 1
        return
    truth.returns[key[0], body["return_no"]] = key, body
    before_gross = order.gross_back
    for back in sorted(body["lines"], key=lambda each: each["line_no"]):
        line, number = order.body["lines"][back["line_no"] - 1], back["line_no"]
        step = {"before": order.returned[number], "after": order.returned[number] + back["quantity"], "of": line["quantity"]}
        order.returned[number] = step["after"]
        order.gross_back += part_of(line["amount_fen"], **step)
        if order.member is not None:
            order.member.spent -= part_of(line["amount_fen"] - line["discount_fen"], **step)
            points = part_of(order.shares.get(number, 0), **step)
            if points and order.lot is not None:
                order.member.book.undo(order.lot, points)
    gross = sum(line["amount_fen"] for line in order.body["lines"])
    _give_back(truth, key, before=before_gross, after=order.gross_back, of=gross)


def _give_back(truth: MoneyTruth, key: Key, *, before: int, after: int, of: int) -> None:
    """What came back gives its part of the points that paid for it back."""
    if key not in truth.paid or not of:
        return
    hold, total, taken = truth.paid[key]
    points = min(part_of(total, before=before, after=after, of=of), sum(some for _, some in taken))
    back = longest_first(taken, points)
    hold.member.book.put_back(back)
    for lot, some in back:
        truth.cells[lot.unit, hold.unit] -= some
    given = dict(back)
    truth.paid[key] = hold, total, [(lot, some - given.get(lot, 0)) for lot, some in taken]


def _buyer(truth: MoneyTruth, body: dict[str, Any]) -> Member | None:
    if "card" in body:
        return truth.members[body["card"]]
    return truth.customers[body["customer"]] if "customer" in body else truth.phones.get(body.get("phone", ""))
