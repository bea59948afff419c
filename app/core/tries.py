"""Limits on guessing: every try raises a guarded row before it is looked at, in a transaction of its own."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, text
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.errors import FankaError
from app.core.people import Tries
from app.core.unit import work

_ROW = table_of(Tries)
_RAISE = text(
    """
    INSERT INTO tries AS held (key, number, until) VALUES (:key, 1, :until)
    ON CONFLICT (key) DO UPDATE SET
        number = CASE WHEN held.until <= :now THEN 1 ELSE held.number + 1 END,
        until = CASE WHEN held.until <= :now THEN excluded.until ELSE held.until END
    WHERE held.until <= :now OR held.number < :most
    RETURNING number
    """
)
# A count that a crash of the database loses is one try more for somebody; waiting for the disk would hold every scan up.
_HASTE = text("SET LOCAL synchronous_commit TO off")
_LOWER = text("UPDATE tries SET number = number - 1 WHERE key = :key AND number > 0 AND until > :now")


class TooManyError(FankaError):
    """Too many tries in one window."""

    status = 429
    code = "too_many_tries"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


def count_try(engine: Engine, key: str, *, most: int, window: timedelta, now: datetime) -> None:
    """Count one try under `key`. Raises TooManyError once `most` were counted in the window that the first of them opened."""
    count_tries(engine, [(key, most)], window=window, now=now)


def count_tries(engine: Engine, limits: Sequence[tuple[str, int]], *, window: timedelta, now: datetime) -> None:
    """Count one try under several keys, each with the most it may have: under all of them, or under none when one is exhausted.

    Whoever counts under the same keys names them in the same order. Raises TooManyError.
    """
    with work(engine) as session:
        session.execute(_HASTE)
        for key, most in limits:
            _count(session, key[:80], most=most, window=window, now=now)


def give_back_tries(engine: Engine, keys: Sequence[str], *, now: datetime) -> None:
    """Take a try back that turned out to be none; keys in the order in which they were counted."""
    with work(engine) as session:
        session.execute(_HASTE)
        for key in keys:
            session.execute(_LOWER, {"key": key[:80], "now": now})


def _count(session: Session, key: str, *, most: int, window: timedelta, now: datetime) -> None:
    raised = session.execute(_RAISE, {"key": key, "until": now + window, "now": now, "most": most}).scalar()
    if raised is None:
        until = session.get_one(Tries, key).until
        minutes = max(math.ceil((until - now).total_seconds() / 60), 1)
        raise TooManyError(
            f"尝试次数过多，请 {minutes} 分钟后再试 / too many tries; try again in {minutes} minutes",
            retry_after_s=max(int((until - now).total_seconds()), 1),
        )


def forget_tries(session: Session, key: str) -> None:
    """A try that succeeded was no guess."""
    session.execute(delete(_ROW).where(_ROW.c.key == key[:80]))


def drop_old_tries(session: Session, *, now: datetime) -> int:
    """Drop the rows of windows that are over; says how many."""
    gone = session.execute(delete(_ROW).where(_ROW.c.until <= now))
    return int(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE answers with a cursor result.
