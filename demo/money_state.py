"""What the log of the money adds up to: rules, members, orders, holds and coupons, as they stand after each record."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

from demo.money_books import Book, Lot, Taken, day_of, last_day
from demo.money_log import Record

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
    asked: dict[int, Record] = field(default_factory=dict)
    """Requests that have no answer yet, by their number."""

    def fen(self, cell: Key) -> int:
        """What a cell of the matrix is worth: rounded once, half to even; nothing where a unit used its own points."""
        return 0 if cell[0] == cell[1] else round(Fraction(self.cells[cell] * self.rules.prices[cell], 1_000_000))


def moment_of(record: Record) -> datetime:
    """When a record was written, UTC."""
    return datetime.fromtimestamp(record["at"], UTC)


def lasts_until(truth: MoneyTruth, record: Record) -> date:
    """The last day of points that are earned now."""
    return last_day(day_of(moment_of(record)), truth.rules.months)
