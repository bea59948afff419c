"""Receipts: `TEMPLATESENDJOBFINISH` tells msgid and outcome only, and may come before we know the msgid, or when we never will."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

EXPIRE_DAYS = 7
JOIN_WITHIN_H = 24
SKEW = timedelta(seconds=60)
"""WeChat's `CreateTime` has whole seconds and its own clock, so a receipt may seem older than the attempt it is about."""
RACE = timedelta(minutes=10)
"""Recording an answer looks for its receipt itself, so only one parked while the answer was being recorded can be missed."""
SWEEP_ROWS = 5000

_SETTLE = """
    UPDATE delivery d
    SET state = hit.outcome, settled_at = hit.occurred_at, msgid = hit.msgid, next_at = NULL,
        error_why = CASE hit.outcome WHEN 'failed' THEN 'receipt' WHEN 'blocked' THEN 'receipt_block' END
    FROM hit WHERE d.id = hit.delivery_id AND d.state IN ('sending', 'sent', 'unknown', 'undecided')
"""
# The rows are locked in id order; the receipts that find no row are parked in the same statement.
_TAKE = text(
    f"""
    WITH said AS (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb))
            AS s(account_id bigint, msgid text, follower_id bigint, outcome text, occurred_at timestamptz)
    ), hit AS (
        SELECT d.id AS delivery_id, said.* FROM said JOIN delivery d ON d.account_id = said.account_id AND d.msgid = said.msgid
        ORDER BY d.id FOR NO KEY UPDATE OF d
    ), settled AS ({_SETTLE})
    INSERT INTO parked_receipt (account_id, msgid, follower_id, outcome, occurred_at, parked_at)
    SELECT account_id, msgid, follower_id, outcome, occurred_at, :now FROM said
    WHERE NOT EXISTS (SELECT 1 FROM hit WHERE hit.account_id = said.account_id AND hit.msgid = said.msgid)
    ORDER BY account_id, msgid
    ON CONFLICT (account_id, msgid) DO NOTHING
    """  # noqa: S608 - constants of this file.
)
_TAKE_PARKED = text(
    f"""
    WITH hit AS (
        DELETE FROM parked_receipt p USING delivery d
        WHERE p.account_id = :account_id AND p.msgid = ANY(:msgids) AND d.account_id = p.account_id AND d.msgid = p.msgid
        RETURNING d.id AS delivery_id, p.msgid, p.outcome, p.occurred_at
    )
    {_SETTLE}
    """  # noqa: S608
)
_JOIN_BY_MSGID = text(
    f"""
    WITH pair AS (
        SELECT p.id AS parked_id, d.id AS delivery_id FROM parked_receipt p
        JOIN delivery d ON d.account_id = p.account_id AND d.msgid = p.msgid
        WHERE p.parked_at > :since
        ORDER BY d.id LIMIT :number FOR UPDATE SKIP LOCKED
    ), hit AS (
        DELETE FROM parked_receipt p USING pair WHERE p.id = pair.parked_id
        RETURNING pair.delivery_id, p.msgid, p.outcome, p.occurred_at
    )
    {_SETTLE}
    """  # noqa: S608
)
# The single open delivery of that account and follower: a second one, or one still being sent, or a second parked receipt
# that could be about it, makes it a guess, and then nothing is joined.
_JOIN_BY_FOLLOWER = text(
    f"""
    WITH fitting AS (
        SELECT p.id AS parked_id, d.id AS delivery_id, d.state
        FROM delivery d
        JOIN parked_receipt p ON p.follower_id = d.follower_id AND p.account_id = d.account_id
            AND p.occurred_at BETWEEN d.first_attempt_at - :skew AND d.first_attempt_at + :within
        WHERE d.state IN ('sending', 'unknown', 'undecided') AND d.msgid IS NULL
    ), single AS (
        SELECT f.parked_id, f.delivery_id FROM fitting f
        WHERE f.state <> 'sending'
          AND NOT EXISTS (SELECT 1 FROM fitting o WHERE o.parked_id = f.parked_id AND o.delivery_id <> f.delivery_id)
          AND NOT EXISTS (SELECT 1 FROM fitting o WHERE o.delivery_id = f.delivery_id AND o.parked_id <> f.parked_id)
    ), pair AS (
        SELECT s.parked_id, s.delivery_id FROM single s JOIN delivery d ON d.id = s.delivery_id JOIN parked_receipt p ON p.id = s.parked_id
        WHERE d.state IN ('unknown', 'undecided') AND d.msgid IS NULL
        ORDER BY d.id LIMIT :number FOR UPDATE OF d, p SKIP LOCKED
    ), hit AS (
        DELETE FROM parked_receipt p USING pair WHERE p.id = pair.parked_id
        RETURNING pair.delivery_id, p.msgid, p.outcome, p.occurred_at
    )
    {_SETTLE}
    """  # noqa: S608
)
_EXPIRE = text("DELETE FROM parked_receipt WHERE parked_at < :before")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt, from the fact `template.receipted`."""

    account_id: int
    msgid: str
    follower_id: int | None
    outcome: str
    occurred_at: datetime


def outcome_of(status: str) -> str:
    """`success`, `failed:user block`, `failed: system failed` (and whatever else WeChat may write) as delivered, blocked or failed."""
    words = status.strip().lower()
    if words == "success":
        return "delivered"
    return "blocked" if "block" in words else "failed"


def take_receipts(session: Session, receipts: Sequence[Receipt], *, now: datetime) -> None:
    """Settle the deliveries these receipts are about and park the receipts nobody knows yet, in one statement."""
    if receipts:
        # One batch may hold the same receipt twice under two keys; the first is enough.
        unique = {(each.account_id, each.msgid): each for each in reversed(receipts)}
        rows = [unique[key] for key in sorted(unique)]
        session.execute(_TAKE, {"rows": orjson.dumps(rows).decode(), "now": now})


def take_parked(session: Session, *, account_id: int, msgids: Sequence[str]) -> None:
    """Settle deliveries that have just learned their msgids from receipts that were faster."""
    if msgids:
        session.execute(_TAKE_PARKED, {"account_id": account_id, "msgids": list(msgids)})


def join_parked(session: Session, *, now: datetime) -> int:
    """Join parked receipts to deliveries: by account and msgid (neither transaction may have seen the other), else to the single
    unknown delivery of that account and follower within 24 hours; if there are several, to none. Old ones expire. Returns how many joined.
    """
    joined = session.execute(_JOIN_BY_MSGID, {"number": SWEEP_ROWS, "since": now - RACE}).rowcount  # type: ignore[attr-defined]
    values = {"number": SWEEP_ROWS, "skew": SKEW, "within": timedelta(hours=JOIN_WITHIN_H)}
    joined += session.execute(_JOIN_BY_FOLLOWER, values).rowcount  # type: ignore[attr-defined]
    session.execute(_EXPIRE, {"before": now - timedelta(days=EXPIRE_DAYS)})
    return int(joined)
