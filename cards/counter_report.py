"""What counters did in a span of time: redemptions, money, purchases, members recruited; by clerk, by store, by who pays for the coupons."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.people import Shift, Staff

INSTANT = timedelta(microseconds=1)
"""Added to now, it takes in what happens at this very moment: spans leave out their end."""
BOOKED_BY = "staff:"
"""How a purchase booked at a counter names its clerk: this and his login."""


@dataclass(frozen=True, slots=True)
class Totals:
    """One clerk's turn. A use that was undone counts as undone alone; amounts are in fen."""

    login: str
    name: str
    redeemed: int = 0
    discount_fen: int = 0
    pay_fen: int = 0
    undone: int = 0
    refused: int = 0
    booked: int = 0
    booked_fen: int = 0
    cards: int = 0

    def as_json(self) -> dict[str, Any]:
        """For an answer and for the shift's row."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Bears:
    """What one business unit pays for: coupons of its own that were used here."""

    unit: str
    redeemed: int
    discount_fen: int


@dataclass(frozen=True, slots=True)
class StoreTotals:
    """One store among others. Sales are what was paid in the span, from any source, less what was given back in it."""

    code: str
    name: str
    unit: str
    orders: int
    sales_fen: int
    redeemed: int
    discount_fen: int
    cards: int
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One shift that was handed over, with the totals it was handed over with."""

    login: str
    name: str
    opened_at: datetime
    closed_at: datetime
    totals: dict[str, Any]


_BY_CLERK = text(
    """
    WITH people AS (
        SELECT staff.id, staff.login FROM staff
        WHERE CAST(:department AS bigint) IS NULL
           OR EXISTS (SELECT FROM staff_position AS held WHERE held.staff_id = staff.id AND held.department_id = :department)
    ), uses AS (
        SELECT used.staff_id, count(*) FILTER (WHERE undone.id IS NULL) AS redeemed, count(undone.id) AS undone,
               coalesce(sum(used.discount_fen) FILTER (WHERE undone.id IS NULL), 0) AS discount_fen,
               coalesce(sum(coalesce(used.total_fen - used.tier_fen - used.discount_fen, 0))
                        FILTER (WHERE undone.id IS NULL AND sold.id IS NULL), 0) AS pay_fen
        FROM coupon_use AS used LEFT JOIN coupon_use AS undone ON undone.reverses_id = used.id
        LEFT JOIN coupon_hold AS sold ON sold.store_id = :store AND sold.state = 'confirmed' AND sold.settled_at = used.at
             AND sold.order_key = used.order_key AND sold.client_id = used.client_id
        WHERE used.store_id = :store AND used.kind = 'use' AND used.at >= :since AND used.at < :until AND used.staff_id IS NOT NULL
          AND (CAST(:department AS bigint) IS NULL OR used.device_id IN (SELECT id FROM device WHERE department_id = :department))
        GROUP BY used.staff_id
    ), sales AS (
        SELECT staff_id, coalesce(sum(CAST(quote ->> 'to_pay_fen' AS bigint)), 0) AS pay_fen FROM coupon_hold
        WHERE store_id = :store AND state = 'confirmed' AND settled_at >= :since AND settled_at < :until AND staff_id IS NOT NULL
          AND (CAST(:department AS bigint) IS NULL OR device_id IN (SELECT id FROM device WHERE department_id = :department))
        GROUP BY staff_id
    ), refusals AS (
        SELECT staff_id, count(DISTINCT attempt_id) AS refused FROM redeem_attempt
        WHERE store_id = :store AND at >= :since AND at < :until AND outcome <> 'done' AND staff_id IS NOT NULL
          AND (CAST(:department AS bigint) IS NULL OR device_id IN (SELECT id FROM device WHERE department_id = :department))
        GROUP BY staff_id
    ), bookings AS (
        SELECT actor, count(*) AS booked, sum(total_fen) AS booked_fen FROM purchase
        WHERE store_id = :store AND booked_at >= :since AND booked_at < :until AND source <> 'receipt' GROUP BY actor
    ), opened AS (
        SELECT staff_id, count(*) AS cards FROM member_card
        WHERE store_id = :store AND opened_at >= :since AND opened_at < :until AND staff_id IS NOT NULL GROUP BY staff_id
    )
    SELECT staff.login, staff.name, coalesce(uses.redeemed, 0) AS redeemed, coalesce(uses.discount_fen, 0) AS discount_fen,
           coalesce(uses.pay_fen, 0) + coalesce(sales.pay_fen, 0) AS pay_fen, coalesce(uses.undone, 0) AS undone, coalesce(refusals.refused, 0) AS refused,
           coalesce(bookings.booked, 0) AS booked, coalesce(bookings.booked_fen, 0) AS booked_fen, coalesce(opened.cards, 0) AS cards
    FROM staff LEFT JOIN uses ON uses.staff_id = staff.id LEFT JOIN sales ON sales.staff_id = staff.id LEFT JOIN refusals ON refusals.staff_id = staff.id
    LEFT JOIN people ON people.id = staff.id
    LEFT JOIN bookings ON bookings.actor = :booked_by || people.login LEFT JOIN opened ON opened.staff_id = people.id
    WHERE uses.staff_id IS NOT NULL OR sales.staff_id IS NOT NULL OR refusals.staff_id IS NOT NULL OR bookings.actor IS NOT NULL OR opened.staff_id IS NOT NULL
    ORDER BY redeemed DESC, pay_fen DESC, staff.login
    """
)
_BY_UNIT = text(
    """
    SELECT unit.name AS unit, count(*) AS redeemed, coalesce(sum(used.discount_fen), 0) AS discount_fen
    FROM coupon_use AS used LEFT JOIN coupon_use AS undone ON undone.reverses_id = used.id
    JOIN coupon ON coupon.id = used.coupon_id JOIN coupon_template AS template ON template.id = coupon.template_id
    JOIN business_unit AS unit ON unit.id = template.unit_id
    WHERE used.store_id = :store AND used.kind = 'use' AND undone.id IS NULL AND used.at >= :since AND used.at < :until
      AND (CAST(:staff AS bigint) IS NULL OR used.staff_id = :staff)
      AND (CAST(:department AS bigint) IS NULL OR used.device_id IN (SELECT id FROM device WHERE department_id = :department))
    GROUP BY unit.name ORDER BY discount_fen DESC, unit.name
    """
)
_BY_STORE = text(
    """
    WITH uses AS (
        SELECT used.store_id, count(*) AS redeemed, sum(used.discount_fen) AS discount_fen
        FROM coupon_use AS used LEFT JOIN coupon_use AS undone ON undone.reverses_id = used.id
        WHERE used.store_id = ANY(:stores) AND used.kind = 'use' AND undone.id IS NULL AND used.at >= :since AND used.at < :until
        GROUP BY used.store_id
    ), bookings AS (
        SELECT store_id, count(*) AS orders, sum(total_fen) AS booked_fen FROM purchase
        WHERE store_id = ANY(:stores) AND paid_at >= :since AND paid_at < :until AND replaced_by_id IS NULL GROUP BY store_id
    ), given_back AS (
        SELECT purchase.store_id, sum(back.refund_fen) AS refund_fen
        FROM purchase_return AS back JOIN purchase ON purchase.id = back.purchase_id
        WHERE purchase.store_id = ANY(:stores) AND back.returned_at >= :since AND back.returned_at < :until AND purchase.replaced_by_id IS NULL
        GROUP BY purchase.store_id
    ), opened AS (
        SELECT store_id, count(*) AS cards FROM member_card
        WHERE store_id = ANY(:stores) AND opened_at >= :since AND opened_at < :until GROUP BY store_id
    ), whole AS (
        SELECT store.code, store.name, unit.name AS unit, coalesce(bookings.orders, 0) AS orders,
               coalesce(bookings.booked_fen, 0) - coalesce(given_back.refund_fen, 0) AS sales_fen, coalesce(uses.redeemed, 0) AS redeemed,
               coalesce(uses.discount_fen, 0) AS discount_fen, coalesce(opened.cards, 0) AS cards
        FROM store JOIN business_unit AS unit ON unit.id = store.business_unit_id
        LEFT JOIN uses ON uses.store_id = store.id LEFT JOIN bookings ON bookings.store_id = store.id
        LEFT JOIN given_back ON given_back.store_id = store.id LEFT JOIN opened ON opened.store_id = store.id
        WHERE store.id = ANY(:stores)
    )
    SELECT whole.*, rank() OVER (ORDER BY sales_fen DESC, redeemed DESC, cards DESC) AS rank FROM whole ORDER BY rank, code, unit
    """
)


def by_clerk(session: Session, *, store_id: int, since: datetime, until: datetime, department_id: int | None = None) -> Sequence[Totals]:
    """Everybody who did something at a store from `since` up to `until` (UTC), the busiest first: the ranking.

    Of one department: what was scanned at its devices, and what the people who hold a position in it booked and recruited.
    """
    bound = {"store": store_id, "since": since, "until": until, "booked_by": BOOKED_BY, "department": department_id}
    return [Totals(**{name: _plain(value) for name, value in row.items()}) for row in session.execute(_BY_CLERK, bound).mappings()]


def by_unit(
    session: Session, *, store_id: int, since: datetime, until: datetime, staff_id: int | None = None, department_id: int | None = None
) -> Sequence[Bears]:
    """Who pays for the coupons used at a store: the settlement's preview, of one clerk or of all, of one department or of all."""
    bound = {"store": store_id, "since": since, "until": until, "staff": staff_id, "department": department_id}
    return [Bears(row.unit, int(row.redeemed), int(row.discount_fen)) for row in session.execute(_BY_UNIT, bound)]


def by_store(session: Session, *, store_ids: Sequence[int], since: datetime, until: datetime) -> Sequence[StoreTotals]:
    """Stores side by side, the best sales first; equal ones share a rank."""
    bound = {"stores": list(store_ids), "since": since, "until": until}
    return [StoreTotals(**{name: _plain(value) for name, value in row.items()}) for row in session.execute(_BY_STORE, bound).mappings()]


def turns(session: Session, *, store_id: int, since: datetime, until: datetime, limit: int = 100) -> Sequence[Turn]:
    """The shifts handed over at a store in a span, the newest first."""
    query = select(Staff.login, Staff.name, Shift.opened_at, Shift.closed_at, Shift.totals).join(Staff, Staff.id == Shift.staff_id)
    query = query.where(Shift.store_id == store_id, Shift.closed_at >= since, Shift.closed_at < until)
    return [Turn(*row) for row in session.execute(query.order_by(Shift.closed_at.desc(), Shift.id.desc()).limit(limit))]


def _plain(value: Any) -> Any:
    """A sum of bigints comes as a Decimal."""
    return value if isinstance(value, str) else int(value)
