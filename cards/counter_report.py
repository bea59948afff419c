"""What a counter did in a span of time: redemptions, money collected, purchases booked, members recruited; by clerk and by who pays."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

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


_BY_CLERK = text(
    """
    WITH uses AS (
        SELECT used.staff_id, count(*) FILTER (WHERE undone.id IS NULL) AS redeemed, count(undone.id) AS undone,
               coalesce(sum(used.discount_fen) FILTER (WHERE undone.id IS NULL), 0) AS discount_fen,
               coalesce(sum(coalesce(used.total_fen - used.discount_fen, 0)) FILTER (WHERE undone.id IS NULL), 0) AS pay_fen
        FROM coupon_use AS used LEFT JOIN coupon_use AS undone ON undone.reverses_id = used.id
        WHERE used.store_id = :store AND used.kind = 'use' AND used.at >= :since AND used.at < :until AND used.staff_id IS NOT NULL
        GROUP BY used.staff_id
    ), refusals AS (
        SELECT staff_id, count(DISTINCT attempt_id) AS refused FROM redeem_attempt
        WHERE store_id = :store AND at >= :since AND at < :until AND outcome <> 'done' AND staff_id IS NOT NULL GROUP BY staff_id
    ), bookings AS (
        SELECT actor, count(*) AS booked, sum(total_fen) AS booked_fen FROM purchase
        WHERE store_id = :store AND booked_at >= :since AND booked_at < :until GROUP BY actor
    ), opened AS (
        SELECT staff_id, count(*) AS cards FROM member_card
        WHERE store_id = :store AND opened_at >= :since AND opened_at < :until AND staff_id IS NOT NULL GROUP BY staff_id
    )
    SELECT staff.login, staff.name, coalesce(uses.redeemed, 0) AS redeemed, coalesce(uses.discount_fen, 0) AS discount_fen,
           coalesce(uses.pay_fen, 0) AS pay_fen, coalesce(uses.undone, 0) AS undone, coalesce(refusals.refused, 0) AS refused,
           coalesce(bookings.booked, 0) AS booked, coalesce(bookings.booked_fen, 0) AS booked_fen, coalesce(opened.cards, 0) AS cards
    FROM staff LEFT JOIN uses ON uses.staff_id = staff.id LEFT JOIN refusals ON refusals.staff_id = staff.id
    LEFT JOIN bookings ON bookings.actor = :booked_by || staff.login LEFT JOIN opened ON opened.staff_id = staff.id
    WHERE uses.staff_id IS NOT NULL OR refusals.staff_id IS NOT NULL OR bookings.actor IS NOT NULL OR opened.staff_id IS NOT NULL
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
    GROUP BY unit.name ORDER BY discount_fen DESC, unit.name
    """
)


def by_clerk(session: Session, *, store_id: int, since: datetime, until: datetime) -> Sequence[Totals]:
    """Everybody who did something at a store from `since` up to `until` (UTC), the busiest first: the ranking."""
    bound = {"store": store_id, "since": since, "until": until, "booked_by": BOOKED_BY}
    return [Totals(**{name: _plain(value) for name, value in row.items()}) for row in session.execute(_BY_CLERK, bound).mappings()]


def by_unit(session: Session, *, store_id: int, since: datetime, until: datetime, staff_id: int | None = None) -> Sequence[Bears]:
    """Who pays for the coupons used at a store: the settlement's preview, of one clerk or of all."""
    bound = {"store": store_id, "since": since, "until": until, "staff": staff_id}
    return [Bears(row.unit, int(row.redeemed), int(row.discount_fen)) for row in session.execute(_BY_UNIT, bound)]


def _plain(value: Any) -> Any:
    """A sum of bigints comes as a Decimal."""
    return value if isinstance(value, str) else int(value)
