"""The night's first steps over all wallets: activate what is pending, expire what is over. Each may run twice and be killed at any batch."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, select, text

from app.core.errors import ConflictError
from app.core.unit import reading, work
from cards.ledger.lots import settle_due
from cards.ledger.post import Cause
from cards.ledger.spend import release
from cards.ledger.wallets import lock_wallets
from cards.models.ledger import PointsHold

BATCH = 2000
_DUE = text(
    """
    SELECT wallet_id FROM lot
    WHERE wallet_id > :after AND remaining > 0
      AND ((state = 'pending' AND available_from <= :now) OR (state = 'active' AND expires_at <= :now))
    GROUP BY wallet_id ORDER BY wallet_id LIMIT :most
    """
)


def settle_night(engine: Engine, *, now: datetime, batch: int = BATCH, tell: Callable[[int], None] = lambda _: None) -> int:
    """Settle every wallet with a due lot, batch by batch in wallet order; says how many wallets were touched.

    `tell` hears the number so far after each committed batch.
    """
    after, done = 0, 0
    while True:
        with work(engine) as session:
            wallets = [int(row.wallet_id) for row in session.execute(_DUE, {"after": after, "now": now, "most": batch})]
            if wallets:
                lock_wallets(session, wallets)
                settle_due(session, wallets, now=now)
        if not wallets:
            return done
        after, done = wallets[-1], done + len(wallets)
        tell(done)


def release_holds(engine: Engine, *, now: datetime) -> int:
    """Release every hold whose time is over; says how many.

    Each in a transaction of its own, so that no two wallets are locked here. A hold that a till settles at this moment is left to it.
    """
    with reading(engine) as session:
        overdue = select(PointsHold.txn_id).where(PointsHold.state == "open", PointsHold.expires_at <= now).order_by(PointsHold.txn_id)
        found = session.scalars(overdue).all()
    return sum(_release(engine, txn_id, now=now) for txn_id in found)


def _release(engine: Engine, hold_txn_id: int, *, now: datetime) -> bool:
    cause = Cause(business_key=f"hold:{hold_txn_id}", reason="占用超时", actor="system", occurred_at=now, now=now)
    try:
        with work(engine) as session:
            return release(session, hold_txn_id=hold_txn_id, cause=cause).fresh
    except ConflictError:
        return False
