"""Guarded counts: stock, limits per person and per day, and how often somebody redeems; each taken by one statement that cannot pass its limit."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from cards.models.coupons import CouponGuard

EVERYBODY = 0
_GUARD = table_of(CouponGuard)
_TAKE = text(
    """
    INSERT INTO coupon_guard (scope, subject, slot, used) VALUES (:scope, :subject, :slot, :number)
    ON CONFLICT (scope, subject, slot) DO UPDATE SET used = coupon_guard.used + excluded.used
    WHERE coupon_guard.used + excluded.used <= :most
    RETURNING used
    """
)
_GIVE = text(
    """
    UPDATE coupon_guard SET used = used - :number
    WHERE scope = :scope AND subject = :subject AND slot = :slot AND used >= :number
    """
)
_JOIN = text(
    """
    WITH moved AS (DELETE FROM coupon_guard WHERE subject = :old AND scope LIKE :own RETURNING scope, slot, used)
    INSERT INTO coupon_guard (scope, subject, slot, used) SELECT scope, :into, slot, used FROM moved ORDER BY scope, slot
    ON CONFLICT (scope, subject, slot) DO UPDATE SET used = coupon_guard.used + excluded.used
    """
)


@dataclass(frozen=True, slots=True)
class Guarded:
    """One count to be taken: at most `most`. `slot` is the day or hour it counts in, empty for good."""

    scope: str
    most: int
    subject: int = EVERYBODY
    slot: str = ""
    refusal: str = ""

    @property
    def order(self) -> tuple[bool, str, int, str]:
        """The order in which everybody takes them: a person's own first, so that it is what refuses him."""
        return (self.subject == EVERYBODY, self.scope, self.subject, self.slot)


def lock_shared(session: Session, guards: Iterable[Guarded]) -> None:
    """Wait for the turn at what is everybody's, before anything of a person's own is taken.

    A bulk issue takes the shares of many people in one transaction: whoever held his own and waited for everybody's would be waited for in turn.
    """
    for guard in sorted((each for each in guards if each.subject == EVERYBODY), key=lambda each: each.order):
        _take(session, guard, 0)


def take(session: Session, guards: Iterable[Guarded], *, number: int = 1) -> Guarded | None:
    """Take `number` from each guard in the house's order; the first that is exhausted is returned, and the caller rolls back."""
    for guard in sorted(guards, key=lambda each: each.order):
        if number > guard.most or not _take(session, guard, number):
            return guard
    return None


def give_back(session: Session, guards: Iterable[Guarded], *, number: int = 1) -> None:
    """Give back what was taken; a guard that holds less is left alone."""
    for guard in sorted(guards, key=lambda each: each.order):
        session.execute(_GIVE, {"scope": guard.scope, "subject": guard.subject, "slot": guard.slot, "number": number})


def read_used(session: Session, *, scope: str, subject: int = EVERYBODY, slot: str = "") -> int:
    """What a guard counts now: for showing, never for deciding."""
    query = select(CouponGuard.used).where(CouponGuard.scope == scope, CouponGuard.subject == subject, CouponGuard.slot == slot)
    return session.scalar(query) or 0


def join_people(session: Session, *, old: int, into: int) -> None:
    """Two customers turned out to be one person: their counts are added up."""
    session.execute(_JOIN, {"old": old, "into": into, "own": "%:person"})


def forget_slots(session: Session, *, before: str) -> int:
    """Drop the counts of days and hours before `before` (as `2026-11-22`); says how many."""
    gone = session.execute(delete(_GUARD).where(_GUARD.c.slot != "", _GUARD.c.slot < before))
    return int(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE answers with a cursor result.


def _take(session: Session, guard: Guarded, number: int) -> bool:
    row = {"scope": guard.scope, "subject": guard.subject, "slot": guard.slot, "number": number, "most": guard.most}
    return session.scalar(_TAKE, row) is not None
