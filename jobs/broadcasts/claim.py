"""Claiming: rows go into `sending` under a lease and are committed before the first call is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from jobs.broadcasts.by_index import by_index
from jobs.broadcasts.lanes import LEASE, Run

RETRY_WITHIN = timedelta(minutes=9)
"""WeChat is said to know a client_msg_id for 10 minutes; the last repeat leaves one to spare."""

_COLUMNS = """
    UPDATE delivery d
    SET state = 'sending', lease_owner = :owner, next_at = :lease_until, attempts = d.attempts + 1,
        first_attempt_at = coalesce(d.first_attempt_at, :now), doubtful = d.doubtful OR d.state = 'unknown'
    FROM picked WHERE d.id = picked.id
    RETURNING d.id, d.openid, d.attempts
"""
_PENDING = text(
    f"""
    WITH picked AS (
        SELECT id FROM delivery
        WHERE broadcast_id = :broadcast_id AND account_id = :account_id AND state = 'pending' AND id > :after
        ORDER BY id LIMIT :number FOR NO KEY UPDATE SKIP LOCKED
    )
    {_COLUMNS}
    """  # noqa: S608 - both parts are constants of this file.
)
_UNKNOWN = text(
    f"""
    WITH picked AS (
        SELECT id FROM delivery
        WHERE broadcast_id = :broadcast_id AND account_id = :account_id AND state = 'unknown'
          AND next_at <= :now AND first_attempt_at > :not_before AND openid IS NOT NULL
        ORDER BY id LIMIT :number FOR NO KEY UPDATE SKIP LOCKED
    )
    {_COLUMNS}
    """  # noqa: S608
)
_RENEW = text(
    """
    UPDATE delivery d SET next_at = :lease_until
    WHERE d.id = ANY(:ids) AND d.lease_owner = :owner AND d.state = 'sending'
    RETURNING d.id, d.attempts
    """
)
_RELEASE = text(
    """
    UPDATE delivery d
    SET state = CASE WHEN d.doubtful THEN 'unknown' WHEN d.customer_id IS NULL THEN 'left_out' ELSE 'pending' END,
        left_out_why = CASE WHEN NOT d.doubtful AND d.customer_id IS NULL
                            THEN CASE WHEN d.openid IS NULL THEN 'erased' ELSE 'joined' END END,
        openid = CASE WHEN NOT d.doubtful AND d.customer_id IS NULL THEN NULL ELSE d.openid END,
        lease_owner = NULL, attempts = d.attempts - 1,
        next_at = CASE WHEN d.doubtful THEN CAST(:now AS timestamptz) END,
        first_attempt_at = CASE WHEN d.doubtful THEN d.first_attempt_at END
    WHERE d.id = ANY(:ids) AND d.lease_owner = :owner AND d.state = 'sending'
    """
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that is ours to send; `attempt` tells this claim from any other of the same row."""

    id: int
    openid: str
    attempt: int


def claim(session: Session, run: Run, *, number: int, after: int, now: datetime, retry_unknown: bool) -> list[Claimed]:
    """Claim up to `number` rows: unknown ones that may still be repeated first, then pending ones with ids above `after`.

    A pending row whose openid was erased meanwhile does not exist: erasure leaves it out.
    """
    by_index(session)
    values = {**run.keys(), "number": number, "now": now, "lease_until": now + LEASE}
    rows: list[Claimed] = []
    if retry_unknown:
        found = session.execute(_UNKNOWN, {**values, "not_before": now - RETRY_WITHIN})
        rows = [Claimed(row[0], row[1], row[2]) for row in found]
    if len(rows) < number:
        found = session.execute(_PENDING, {**values, "number": number - len(rows), "after": after})
        rows += [Claimed(row[0], row[1], row[2]) for row in found]
    return sorted(rows, key=lambda each: each.id)


def renew(session: Session, run: Run, claimed: Sequence[Claimed], *, now: datetime) -> list[Claimed]:
    """Renew the lease of rows that were claimed a while ago; returns those that are still ours."""
    found = session.execute(_RENEW, {"owner": run.owner, "ids": [row.id for row in claimed], "lease_until": now + LEASE})
    ours = {(row[0], row[1]) for row in found}
    return [row for row in claimed if (row.id, row.attempt) in ours]


def release(session: Session, run: Run, claimed: Sequence[Claimed], *, now: datetime) -> None:
    """Put back rows that were claimed and certainly never sent; those that lost their person meanwhile are left out."""
    if claimed:
        session.execute(_RELEASE, {"owner": run.owner, "ids": [row.id for row in claimed], "now": now})
