"""The night of coupons: what is over expires, offers lapse, holds run out, codes and old counts are forgotten; each may run twice."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

from app.core.clock import business_day
from app.core.unit import work
from cards.coupons.gifts import lapse_gifts
from cards.coupons.holds import release_overdue
from cards.coupons.recognise import forget_accepted
from cards.guards import forget_slots

BATCH = 2000
_KEPT_COUNTS = timedelta(days=3)
# A till's hold outlives the coupon's last minute; what it gives back is expired by then or tomorrow.
_EXPIRE = text(
    """
    WITH due AS (
        SELECT id FROM coupon
        WHERE expires_at <= :now AND (state = 'issued' OR (state = 'held' AND held_until <= :now))
        ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE coupon SET state = 'expired', hold_id = NULL, held_until = NULL, changed_at = :now FROM due WHERE coupon.id = due.id
    """
)


@dataclass(frozen=True, slots=True)
class Night:
    """What one run did."""

    expired: int
    lapsed: int
    released: int


def expire_coupons(engine: Engine, *, now: datetime, batch: int = BATCH) -> int:
    """Expire what is over, batch by batch; says how many. A coupon is refused from its moment on, whether this ran or not."""
    total = 0
    while True:
        with work(engine) as session:
            moved = session.execute(_EXPIRE, {"now": now, "most": batch})
            done = int(moved.rowcount)  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
        total += done
        if done < batch:
            return total


def _lapse(engine: Engine, *, now: datetime) -> int:
    with work(engine) as session:
        return lapse_gifts(session, now=now)


def tidy_coupons(engine: Engine, *, now: datetime) -> Night:
    """Everything of the night, in an order in which nothing is expired that is to go back first."""
    released, lapsed = release_overdue(engine, now=now), 0
    while done := _lapse(engine, now=now):
        lapsed += done
    with work(engine) as session:
        forget_accepted(session, now=now)
        forget_slots(session, before=(business_day(now) - _KEPT_COUNTS).isoformat())
    return Night(expire_coupons(engine, now=now), lapsed, released)
