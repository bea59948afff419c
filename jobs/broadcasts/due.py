"""Which accounts of which broadcasts have rows to send now, and nobody at work on them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from jobs.broadcasts.by_index import by_index
from jobs.broadcasts.claim import RETRY_WITHIN

_DUE = """
    (EXISTS (SELECT 1 FROM delivery d WHERE d.broadcast_id = p.broadcast_id AND d.account_id = p.account_id AND d.state = 'pending')
     OR EXISTS (SELECT 1 FROM delivery d WHERE d.broadcast_id = p.broadcast_id AND d.account_id = p.account_id AND d.state = 'unknown'
                AND d.next_at <= :now AND d.first_attempt_at > :not_before AND d.openid IS NOT NULL))
"""
_LIVE = "b.frozen_wave > 0 AND b.paused_at IS NULL AND b.cancelled_at IS NULL"
_ONE = text(
    f"""
    SELECT {_DUE} FROM broadcast_account p JOIN broadcast b ON b.id = p.broadcast_id
    WHERE p.broadcast_id = :broadcast_id AND p.account_id = :account_id AND {_LIVE}
    """  # noqa: S608 - constants of this file.
)
_IDLE = text(
    f"""
    SELECT p.broadcast_id, p.account_id, b.quiet_from_min, b.quiet_to_min,
        b.lanes - (SELECT count(*) FROM broadcast_lane l
                   WHERE l.broadcast_id = p.broadcast_id AND l.account_id = p.account_id AND l.lease_until > :now) AS free_lanes
    FROM broadcast_account p JOIN broadcast b ON b.id = p.broadcast_id
    WHERE {_LIVE} AND {_DUE}
    ORDER BY p.broadcast_id, p.account_id
    """  # noqa: S608
)


def has_due_rows(session: Session, broadcast_id: int, account_id: int, *, now: datetime) -> bool:
    """Whether another drain would find rows: pending ones, or unknown ones whose time to be repeated has come."""
    by_index(session)
    values = {"broadcast_id": broadcast_id, "account_id": account_id, "now": now, "not_before": now - RETRY_WITHIN}
    return bool(session.scalar(_ONE, values))


@dataclass(frozen=True, slots=True)
class Due:
    """An account of a broadcast with rows to send now."""

    broadcast_id: int
    account_id: int
    quiet_from_min: int | None
    quiet_to_min: int | None
    free_lanes: int


def due_accounts(session: Session, *, now: datetime) -> list[Due]:
    """Every account of every live broadcast with due rows, quiet hours or not."""
    by_index(session)
    return [Due(*row) for row in session.execute(_IDLE, {"now": now, "not_before": now - RETRY_WITHIN})]
