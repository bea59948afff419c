"""A debit in two statements: the guarded balance, which is the wallet's lock, then the lots that expire first."""

from dataclasses import replace
from datetime import datetime

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError
from app.core.hot import HotStatement, Value
from app.core.ids import new_public_id
from cards.ledger.earn import Posted
from cards.ledger.lots import settle_due, take_lots
from cards.ledger.post import Cause, Leg, check_amount, check_reason, find_txn, move_balances, write_entries
from cards.models.ledger import Book, TxnKind

# The key, then the wallet: the update waits for whoever holds the wallet and guards what it finds then. Entries only when it was moved.
_CLAIM = HotStatement(
    """
    WITH txn AS (
        INSERT INTO points_txn (public_id, kind, business_key, reason, actor, store_id, occurred_at, posted_at, data)
        VALUES (:public_id, :kind, :business_key, :reason, :actor, :store_id, :occurred_at, :now, :data)
        ON CONFLICT (kind, business_key) DO NOTHING
        RETURNING id
    ), held AS (
        UPDATE wallet SET active = active - CAST(:amount AS bigint), held = held + CAST(:aside AS bigint)
        FROM txn WHERE wallet.id = CAST(:wallet AS bigint) AND active >= CAST(:amount AS bigint)
        RETURNING wallet.id, wallet.pending
    ), entries AS (
        INSERT INTO points_entry (txn_id, book, wallet_id, business_unit_id, amount)
        SELECT txn.id, leg.book, leg.wallet_id, leg.unit_id, leg.amount
        FROM txn, held, (VALUES ('active', CAST(:wallet AS bigint), CAST(NULL AS bigint), -CAST(:amount AS bigint)),
                                (CAST(:book AS text), CAST(:to_wallet AS bigint), CAST(:to_unit AS bigint), CAST(:amount AS bigint)))
                        AS leg (book, wallet_id, unit_id, amount)
    )
    SELECT txn.id, held.pending FROM txn LEFT JOIN held ON true
    """
)
# The snapshot begins after the lock. Few lots are looked at, in the order in which they expire; it takes all of the amount from them or nothing,
# and nothing at all when something is due: the first lot to expire says whether any has, and pending points whether one may have become active.
_TAKE_FIRST = HotStatement(
    """
    WITH queue AS (
        SELECT id, remaining, expires_at, CAST(sum(remaining) OVER (ORDER BY expires_at, id ROWS UNBOUNDED PRECEDING) AS bigint) AS upto
        FROM (SELECT id, remaining, expires_at FROM lot WHERE wallet_id = CAST(:wallet AS bigint) AND state = 'active' AND remaining > 0
              ORDER BY expires_at, id LIMIT 32) AS first
    ), seen AS (
        SELECT coalesce(max(upto), 0) >= CAST(:amount AS bigint) AS enough,
               coalesce(min(expires_at) <= CAST(:now AS timestamptz), false) OR CASE WHEN CAST(:pending AS bigint) > 0 THEN EXISTS (
                   SELECT FROM lot WHERE wallet_id = CAST(:wallet AS bigint) AND remaining > 0
                   AND state = 'pending' AND available_from <= CAST(:now AS timestamptz)) ELSE false END AS due
        FROM queue
    ), moved AS (
        UPDATE lot SET remaining = lot.remaining - take.amount
        FROM (SELECT id, least(remaining, CAST(:amount AS bigint) - (upto - remaining)) AS amount
              FROM queue, seen WHERE enough AND NOT due AND upto - remaining < CAST(:amount AS bigint)) AS take
        WHERE lot.id = take.id
        RETURNING lot.id, take.amount
    ), moves AS (
        INSERT INTO lot_move (lot_id, txn_id, amount, redeeming_unit_id)
        SELECT id, CAST(:txn AS bigint), -amount, CAST(:used_at AS bigint) FROM moved
    )
    SELECT (SELECT due FROM seen), (SELECT coalesce(sum(amount), 0) FROM moved)
    """
)
_LOCK = text("SELECT id FROM wallet WHERE id = :wallet FOR NO KEY UPDATE")


def known(session: Session, kind: TxnKind, cause: Cause) -> Posted:
    """The transaction that already carries this business key."""
    txn = find_txn(session, kind=kind, business_key=cause.business_key)
    assert txn is not None
    return Posted(txn.id, fresh=False)


def ready(session: Session, wallet_id: int, *, now: datetime) -> None:
    """Lock a wallet and settle what is due in it. Raises BadRequestError for an unknown wallet."""
    if session.scalar(_LOCK, {"wallet": wallet_id}) is None:
        raise BadRequestError("no such wallet", code="no_wallet")
    settle_due(session, [wallet_id], now=now)


def debit(session: Session, kind: TxnKind, *, wallet_id: int, amount: int, cause: Cause, to: Leg, used_at: int | None = None) -> Posted:
    """Move active points of a wallet to another book. A known business key posts nothing. `used_at` is the unit that redeems them.

    Raises InsufficientPointsError (the caller's transaction is then to be rolled back), BadRequestError for what cannot be.
    """
    check_amount(amount)
    check_reason(kind, cause)
    claimed = _CLAIM.row(
        session,
        {
            "public_id": new_public_id(),
            "kind": kind.value,
            "business_key": cause.business_key,
            "reason": cause.reason[:200],
            "actor": cause.actor[:64],
            "store_id": cause.store_id,
            "occurred_at": cause.occurred_at,
            "now": cause.now,
            "data": orjson.dumps(cause.data).decode(),
            "wallet": wallet_id,
            "amount": amount,
            "aside": amount if to.book is Book.HELD else 0,
            "book": to.book.value,
            "to_wallet": to.wallet_id,
            "to_unit": to.unit_id,
        },
    )
    if claimed is None:
        return known(session, kind, cause)
    txn_id, pending = int(claimed[0] or 0), claimed[1]
    legs = [Leg(Book.ACTIVE, -amount, wallet_id=wallet_id), to]
    if pending is None:
        # Not enough as the balance stands; what is due may make it enough.
        ready(session, wallet_id, now=cause.now)
        write_entries(session, txn_id, legs)
    else:
        bound: dict[str, Value] = {
            "wallet": wallet_id,
            "amount": amount,
            "now": cause.now,
            "pending": int(pending),
            "txn": txn_id,
            "used_at": used_at,
        }
        due, taken = _TAKE_FIRST.row(session, bound) or (None, None)
        if taken is not None and int(taken) == amount:
            return Posted(txn_id, fresh=True)
        if due == b"t":
            # The guard saw the balance before what is due was settled: it is asked again.
            move_balances(session, [replace(leg, amount=-leg.amount) for leg in legs])
            settle_due(session, [wallet_id], now=cause.now)
            move_balances(session, legs)
    take_lots(session, wallet_id=wallet_id, amount=amount, txn_id=txn_id, unit_id=used_at)
    return Posted(txn_id, fresh=True)
