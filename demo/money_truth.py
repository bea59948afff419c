"""What the input log of the money demands: every request judged and every effect worked out again, from the log alone."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from demo.money_books import Book, Lot, Taken, day_of, last_day, longest_first, part_of, share_out
from demo.money_log import Record

_AHEAD = timedelta(minutes=10)
Key = tuple[str, str]


@dataclass(slots=True)
class Rules:
    """What was set up before the day."""

    stores: dict[str, str] = field(default_factory=dict)
    """Unit by store."""
    clients: dict[str, str] = field(default_factory=dict)
    goods: dict[str, dict[str, str]] = field(default_factory=dict)
    """Categories by SKU, by unit."""
    tiers: list[tuple[int, str, int]] = field(default_factory=list)
    """(threshold in fen, name, percent), the lowest first."""
    rate: Fraction = Fraction(0)
    special: dict[str, Fraction] = field(default_factory=dict)
    """Points for a fen, by category."""
    gift: tuple[int, str] = (0, "")
    months: int = 0
    pending: timedelta = timedelta()
    templates: dict[str, tuple[str, int]] = field(default_factory=dict)
    """(unit, points for a use) by template."""
    prices: dict[Key, int] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Member:
    """One card: its points, what its owner spent, and where that has brought him."""

    number: str
    book: Book = field(default_factory=Book)
    spent: int = 0
    tier: int = 0
    climbs: int = 0


@dataclass(slots=True)
class Order:
    """One order on record."""

    unit: str
    body: dict[str, Any]
    member: Member | None
    lot: Lot | None = None
    shares: dict[int, int] = field(default_factory=dict)
    returned: Counter[int] = field(default_factory=Counter)
    gross_back: int = 0


@dataclass(slots=True)
class Hold:
    """What a till set aside, and the points it took."""

    member: Member
    unit: str
    coupons: list[str]
    taken: Taken
    order: Key
    state: str = "open"


@dataclass(slots=True)
class Coupon:
    """One coupon, and what each of its uses brought."""

    template: str
    member: Member
    state: str = "issued"


@dataclass(slots=True)
class MoneyTruth:
    """Everything the log says."""

    rules: Rules = field(default_factory=Rules)
    members: dict[str, Member] = field(default_factory=dict)
    orders: dict[Key, Order] = field(default_factory=dict)
    returns: dict[Key, tuple[Key, dict[str, Any]]] = field(default_factory=dict)
    coupons: dict[str, Coupon] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    uses: dict[str, tuple[str, Lot | None, int]] = field(default_factory=dict)
    """Coupon, the lot it brought and its points, by use; reversed ones are gone."""
    paid: dict[Key, tuple[Hold, int, Taken]] = field(default_factory=dict)
    """The confirmed hold whose points paid an order, how many, and what of them is still used."""
    cells: Counter[Key] = field(default_factory=Counter)
    """Points by (issuing, redeeming) unit."""
    judged: Counter[tuple[int, str]] = field(default_factory=Counter)
    answered: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Orders and returns: what each request should have been answered, and was: done or refused."""
    matrix: list[dict[str, Any]] = field(default_factory=list)
    again: int = 0
    """Requests that were repeats of one that had been done."""
    phones: dict[str, Member] = field(default_factory=dict)
    customers: dict[str, Member] = field(default_factory=dict)
    _asked: dict[int, Record] = field(default_factory=dict)

    def fen(self, cell: Key) -> int:
        """What a cell of the matrix is worth: rounded once, half to even; nothing where a unit used its own points."""
        return 0 if cell[0] == cell[1] else round(Fraction(self.cells[cell] * self.rules.prices[cell], 1_000_000))


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
        member.book.earn(points, unit=unit, ripe=True, until=_until(truth, record))


def _coupon(truth: MoneyTruth, record: Record) -> None:
    truth.coupons[record["id"]] = Coupon(record["template"], truth.members[record["number"]])


def _void(truth: MoneyTruth, record: Record) -> None:
    truth.coupons[record["id"]].state = "voided"


def _matrix(truth: MoneyTruth, record: Record) -> None:
    truth.matrix = record["cells"]


def _ask(truth: MoneyTruth, record: Record) -> None:
    truth._asked[record["n"]] = record  # noqa: SLF001 - the readers are this class's own hands.


def _answer(truth: MoneyTruth, record: Record) -> None:
    asked = truth._asked.pop(record["to"])  # noqa: SLF001
    status, path = record["status"], asked["path"]
    if not status or record["body"].get("code") == "in_progress":
        return
    done = status < 400
    way = path.strip("/").split("/")
    if way[0] == "orders":
        wrong = _wrong_order(truth, asked) if len(way) == 1 else _wrong_return(truth, asked, (way[1], way[2]))
        truth.judged[record["n"], "refused" if wrong else "done"] += 1
        truth.answered[record["n"], "done" if done else "refused"] += 1
        if wrong:
            return
        if len(way) == 1:
            _book_order(truth, asked)
        else:
            _book_return(truth, asked, (way[1], way[2]))
    elif done and path in _AT_TILL:
        _AT_TILL[path](truth, asked, record["body"])
    elif done and len(way) == 4:
        _STEPS[way[1], way[3]](truth, way[2], asked, record["body"])


def _wrong_order(truth: MoneyTruth, asked: Record) -> bool:
    """Whether this order must be refused, by the rules a till is told."""
    body, rules = asked["body"], truth.rules
    known = truth.orders.get((body["source"], body["order_no"]))
    unit = rules.stores.get(body["store"])
    goods = rules.goods.get(unit or "", {})
    return (
        unit is None
        or unit != rules.clients[asked["client"]]
        or any(not 0 <= line["discount_fen"] <= line["amount_fen"] or line["sku"] not in goods for line in body["lines"])
        or datetime.fromisoformat(body["paid_at"]) > _moment(asked) + _AHEAD
        or body.get("period") in rules.closed
        or ("card" in body and body["card"] not in truth.members)
        or (known is not None and known.body != body)
    )


def _wrong_return(truth: MoneyTruth, asked: Record, key: Key) -> bool:
    body, order = asked["body"], truth.orders.get(key)
    known = truth.returns.get((key[0], body["return_no"]))
    if order is None or order.unit != truth.rules.clients[asked["client"]]:
        return True
    if known is not None:
        return known != (key, body)
    bought = {number: line["quantity"] for number, line in enumerate(order.body["lines"], 1)}
    return any(order.returned[line["line_no"]] + line["quantity"] > bought.get(line["line_no"], 0) for line in body["lines"])


def _book_order(truth: MoneyTruth, asked: Record) -> None:
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
        ripe = paid_at + rules.pending <= _moment(asked)
        order.lot = member.book.earn(points, unit=unit, ripe=ripe, until=last_day(day_of(paid_at), rules.months))
    member.spent += sum(line["amount_fen"] - line["discount_fen"] for line in body["lines"])
    reached = max(place for place, (threshold, *_) in enumerate(rules.tiers) if member.spent >= threshold)
    if reached > member.tier:
        member.tier, member.climbs = reached, member.climbs + 1


def _book_return(truth: MoneyTruth, asked: Record, key: Key) -> None:
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


def _hold(truth: MoneyTruth, asked: Record, told: dict[str, Any]) -> None:
    if told["hold"] in truth.holds:
        return
    body = asked["body"]
    member = truth.customers[body["customer"]]
    taken = member.book.take(body["points"])
    member.book.held += body["points"]
    key = body["order"]["source"], body["order"]["order_no"]
    truth.holds[told["hold"]] = Hold(member, truth.rules.stores[body["store"]], body["coupons"], taken, key)
    for coupon in body["coupons"]:
        truth.coupons[coupon].state = "held"


def _confirm(truth: MoneyTruth, hold_id: str, asked: Record, told: dict[str, Any]) -> None:
    hold = truth.holds[hold_id]
    if hold.state != "open":
        return
    hold.state = "confirmed"
    for coupon, use in zip(hold.coupons, told["uses"], strict=True):
        _use(truth, coupon, use["use"], asked)
    points = sum(some for _, some in hold.taken)
    hold.member.book.held -= points
    for lot, some in hold.taken:
        truth.cells[lot.unit, hold.unit] += some
    if points:
        truth.paid[hold.order] = hold, points, hold.taken


def _release(truth: MoneyTruth, hold_id: str, asked: Record, told: dict[str, Any]) -> None:
    del asked, told
    hold = truth.holds[hold_id]
    if hold.state != "open":
        return
    hold.state = "released"
    hold.member.book.held -= sum(some for _, some in hold.taken)
    hold.member.book.put_back(hold.taken)
    for coupon in hold.coupons:
        truth.coupons[coupon].state = "issued"


def _redeem(truth: MoneyTruth, asked: Record, told: dict[str, Any]) -> None:
    if told["use"] not in truth.uses and not told["again"]:
        _use(truth, told["coupon"]["id"], told["use"], asked)


def _use(truth: MoneyTruth, coupon_id: str, use: str, asked: Record) -> None:
    coupon = truth.coupons[coupon_id]
    unit, reward = truth.rules.templates[coupon.template]
    coupon.state = "used"
    lot = coupon.member.book.earn(reward, unit=unit, ripe=True, until=_until(truth, asked)) if reward else None
    truth.uses[use] = coupon_id, lot, reward


def _reverse(truth: MoneyTruth, use: str, asked: Record, told: dict[str, Any]) -> None:
    del asked, told
    if use not in truth.uses:
        return
    coupon_id, lot, reward = truth.uses.pop(use)
    coupon = truth.coupons[coupon_id]
    coupon.state = "issued"
    if lot is not None:
        coupon.member.book.undo(lot, reward)


def _nothing(truth: MoneyTruth, asked: Record, told: dict[str, Any]) -> None:
    """A question changes nothing."""


def _buyer(truth: MoneyTruth, body: dict[str, Any]) -> Member | None:
    if "card" in body:
        return truth.members[body["card"]]
    return truth.customers[body["customer"]] if "customer" in body else truth.phones.get(body.get("phone", ""))


def _moment(record: Record) -> datetime:
    return datetime.fromtimestamp(record["at"], UTC)


def _until(truth: MoneyTruth, record: Record) -> Any:
    """The last day of points that are earned now."""
    return last_day(day_of(_moment(record)), truth.rules.months)


_AT_TILL = {"/till/holds": _hold, "/till/redemptions": _redeem, "/till/quotes": _nothing, "/till/members": _nothing}
_STEPS = {("holds", "confirm"): _confirm, ("holds", "release"): _release, ("redemptions", "reverse"): _reverse}
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
