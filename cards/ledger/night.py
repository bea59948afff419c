"""The night's first steps over all wallets: activate what is pending, expire what is over. Each may run twice and be killed at any batch."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, select, text

from app.core.errors import ConflictError
from app.core.unit import reading, work
from cards.ledger.lots import settle_due
from cards.ledger.post import Cause
from cards.ledger.spend import release
from cards.models.ledger import PointsHold

BATCH = 2000
LEAP = 50 * BATCH
_DUE = text(
    """
    SELECT wallet_id FROM (
        SELECT wallet_id FROM lot WHERE state = 'pending' AND remaining > 0 AND available_from <= :now AND wallet_id > :after
        UNION SELECT wallet_id FROM lot WHERE state = 'active' AND remaining > 0 AND expires_at <= :now AND wallet_id > :after
    ) AS due ORDER BY wallet_id LIMIT :most
    """
)
_LOCK = text("SELECT id FROM wallet WHERE id = ANY(:wallets) ORDER BY id FOR NO KEY UPDATE")


def settle_night(engine: Engine, *, now: datetime, batch: int = BATCH, tell: Callable[[int], None] = lambda _: None) -> int:
    """Settle every wallet with a due lot, batch by batch in wallet order; says how many wallets were touched.

    Due wallets are looked up many batches at a time; what is due in them is asked again under their locks. `tell` hears the number so far after
    each committed batch.
    """
    after, done = 0, 0
    while True:
        with reading(engine) as session:
            due = session.scalars(_DUE, {"after": after, "now": now, "most": LEAP}).all()
        if not due:
            return done
        for start in range(0, len(due), batch):
            wallets = due[start : start + batch]
            with work(engine) as session:
                session.execute(_LOCK, {"wallets": wallets})
                settle_due(session, wallets, now=now)
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
