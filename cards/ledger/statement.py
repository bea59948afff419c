"""What the customer and the group read: the statement with its running balance, and the liability by month and unit."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Line:
    """One movement of a wallet. `balance` is the active balance right after it."""

    public_id: UUID
    kind: str
    reason: str
    occurred_at: datetime
    active: int
    pending: int
    held: int
    debt: int
    balance: int
    cursor: int
    """Pass it as `before` to read on."""


# The running balance is counted back from the stored one.
_LINES = text(
    """
    WITH lines AS (
        SELECT entry.txn_id, sum(amount) FILTER (WHERE book = 'active') AS active, sum(amount) FILTER (WHERE book = 'pending') AS pending,
               sum(amount) FILTER (WHERE book = 'held') AS held, sum(amount) FILTER (WHERE book = 'debt') AS debt, max(entry.id) AS cursor
        FROM points_entry AS entry WHERE wallet_id = :wallet GROUP BY entry.txn_id
    ), run AS (
        SELECT *, (SELECT active FROM wallet WHERE id = :wallet)
               - coalesce(sum(active) OVER (ORDER BY cursor DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS balance
        FROM lines
    )
    SELECT txn.public_id, txn.kind, txn.reason, txn.occurred_at, coalesce(run.active, 0) AS active, coalesce(run.pending, 0) AS pending,
           coalesce(run.held, 0) AS held, coalesce(run.debt, 0) AS debt, run.balance, run.cursor
    FROM run JOIN points_txn AS txn ON txn.id = run.txn_id
    WHERE CAST(:before AS bigint) IS NULL OR run.cursor < :before
    ORDER BY run.cursor DESC LIMIT :most
    """
)
# A lot that ends at midnight could be used until the day before: the month is that of its last moment. What a hold set aside is still owed.
_LIABILITY = text(
    """
    WITH owed AS (
        SELECT lot.wallet_id, lot.issuing_unit_id, lot.expires_at, lot.state, lot.remaining AS amount FROM lot WHERE lot.remaining > 0
        UNION ALL
        SELECT lot.wallet_id, lot.issuing_unit_id, lot.expires_at, 'held', -lot_move.amount
        FROM points_hold JOIN lot_move ON lot_move.txn_id = points_hold.txn_id JOIN lot ON lot.id = lot_move.lot_id
        WHERE points_hold.state = 'open'
    )
    SELECT unit.id, unit.name AS unit, owed.state, sum(owed.amount) AS amount,
           date_trunc('month', (owed.expires_at - interval '1 microsecond') AT TIME ZONE 'Asia/Shanghai')::date AS month
    FROM owed JOIN business_unit AS unit ON unit.id = owed.issuing_unit_id JOIN wallet ON wallet.id = owed.wallet_id
    WHERE wallet.programme_id = :programme AND wallet.kind = :kind
    GROUP BY unit.id, month, owed.state ORDER BY month NULLS LAST, unit.name, unit.id, owed.state
    """
)


def read_statement(session: Session, *, wallet_id: int, before: int | None = None, limit: int = 20) -> list[Line]:
    """The latest movements of a wallet, newest first, each with the active balance after it."""
    rows = session.execute(_LINES, {"wallet": wallet_id, "before": before, "most": min(max(limit, 1), 200)})
    return [
        Line(
            row.public_id,
            row.kind,
            row.reason,
            row.occurred_at,
            int(row.active),
            int(row.pending),
            int(row.held),
            int(row.debt),
            int(row.balance),
            row.cursor,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Owed:
    """Points (or fen) that a unit issued, that nobody has used, and the month (Asia/Shanghai) of their last moment; None for never.

    `state` is active, pending or held: what a till has set aside is owed until it is confirmed.
    """

    unit: str
    month: date | None
    state: str
    amount: int


def read_liability(session: Session, *, programme_id: int, kind: str = "points") -> list[Owed]:
    """What the programme owes its members, by month of expiry, issuing unit and state."""
    rows = session.execute(_LIABILITY, {"programme": programme_id, "kind": kind})
    return [Owed(row.unit, row.month, row.state, int(row.amount)) for row in rows]
