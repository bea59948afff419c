"""A debit in two statements: the guarded balance, which is the wallet's lock, then the lots that expire first."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError
from app.core.hot import HotStatement, Value, send
from cards.ledger.earn import Posted
from cards.ledger.lots import settle_due, take_lots
from cards.ledger.post import Cause, Leg, check_amount, check_reason, find_txn, head, move_balances, write_entries
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
        RETURNING wallet.id
    ), entries AS (
        INSERT INTO points_entry (txn_id, book, wallet_id, business_unit_id, amount)
        SELECT txn.id, leg.book, leg.wallet_id, leg.unit_id, leg.amount
        FROM txn, held, (VALUES ('active', CAST(:wallet AS bigint), CAST(NULL AS bigint), -CAST(:amount AS bigint)),
                                (CAST(:book AS text), CAST(:to_wallet AS bigint), CAST(:to_unit AS bigint), CAST(:amount AS bigint)))
                        AS leg (book, wallet_id, unit_id, amount)
    )
    SELECT txn.id, held.id FROM txn LEFT JOIN held ON true
    """
)
# It is sent with the claim and finds by itself what came of it; its snapshot begins after the lock. Few lots are looked at, in the order in which
# they expire; it takes all of the amount from them or nothing, and nothing at all when something is due: the first lot to expire says whether any
# has, and pending points whether one may have become active.
_TAKE_FIRST = HotStatement(
    """
    WITH claim AS (
        SELECT txn.id, wallet.pending FROM points_txn AS txn JOIN wallet ON wallet.id = CAST(:wallet AS bigint)
        WHERE txn.public_id = CAST(:public_id AS uuid) AND EXISTS (SELECT FROM points_entry WHERE points_entry.txn_id = txn.id)
    ), queue AS (
        SELECT id, remaining, expires_at, CAST(sum(remaining) OVER (ORDER BY expires_at, id ROWS UNBOUNDED PRECEDING) AS bigint) AS upto
        FROM (SELECT id, remaining, expires_at FROM lot WHERE wallet_id = CAST(:wallet AS bigint) AND state = 'active' AND remaining > 0
              ORDER BY expires_at, id LIMIT 32) AS first
    ), seen AS (
        SELECT coalesce(max(upto), 0) >= CAST(:amount AS bigint) AS enough,
               coalesce(min(expires_at) <= CAST(:now AS timestamptz), false) OR CASE WHEN (SELECT pending FROM claim) > 0 THEN EXISTS (
                   SELECT FROM lot WHERE wallet_id = CAST(:wallet AS bigint) AND remaining > 0
                   AND state = 'pending' AND available_from <= CAST(:now AS timestamptz)) ELSE false END AS due
        FROM queue
    ), moved AS (
        UPDATE lot SET remaining = lot.remaining - take.amount
        FROM (SELECT queue.id, least(remaining, CAST(:amount AS bigint) - (upto - remaining)) AS amount
              FROM queue, seen, claim WHERE enough AND NOT due AND upto - remaining < CAST(:amount AS bigint)) AS take
        WHERE lot.id = take.id
        RETURNING lot.id, take.amount
    ), moves AS (
        INSERT INTO lot_move (lot_id, txn_id, amount, redeeming_unit_id)
        SELECT moved.id, claim.id, -moved.amount, CAST(:used_at AS bigint) FROM moved, claim
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
    bound: dict[str, Value] = {
        **head(kind, cause),
        "wallet": wallet_id,
        "amount": amount,
        "aside": amount if to.book is Book.HELD else 0,
        "book": to.book.value,
        "to_wallet": to.wallet_id,
        "to_unit": to.unit_id,
        "used_at": used_at,
    }
    claimed, took = send(session, (_CLAIM, bound), (_TAKE_FIRST, bound))
    if claimed is None or took is None:
        return known(session, kind, cause)
    txn_id, moved, (due, taken) = int(claimed[0] or 0), claimed[1] is not None, took
    legs = [Leg(Book.ACTIVE, -amount, wallet_id=wallet_id), to]
    if not moved:
        # Not enough as the balance stands; what is due may make it enough.
        ready(session, wallet_id, now=cause.now)
        write_entries(session, txn_id, legs)
    elif taken is not None and int(taken) == amount:
        return Posted(txn_id, fresh=True)
    elif due == b"t":
        # The guard saw the balance before what is due was settled: it is asked again.
        move_balances(session, [replace(leg, amount=-leg.amount) for leg in legs])
        settle_due(session, [wallet_id], now=cause.now)
        move_balances(session, legs)
    take_lots(session, wallet_id=wallet_id, amount=amount, txn_id=txn_id, unit_id=used_at)
    return Posted(txn_id, fresh=True)
