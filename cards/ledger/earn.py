"""Earning: one statement for a wallet without debt; a wallet with debt repays it first."""

from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError
from app.core.ids import new_public_id
from cards.ledger.lots import add_lot, move_lot
from cards.ledger.post import Cause, Leg, check_amount, check_reason, find_txn, write_entries
from cards.ledger.wallets import lock_wallets
from cards.models.ledger import Book, Lot, TxnKind


@dataclass(frozen=True, slots=True)
class Posted:
    """A transaction by its id; `fresh` is False when its business key was known and nothing was posted."""

    txn_id: int
    fresh: bool


_EARN = text(
    """
    WITH txn AS (
        INSERT INTO points_txn (public_id, kind, business_key, reason, actor, store_id, occurred_at, posted_at, data)
        VALUES (:public_id, :kind, :business_key, :reason, :actor, :store_id, :occurred_at, :now, CAST(:data AS jsonb))
        ON CONFLICT (kind, business_key) DO NOTHING
        RETURNING id
    ), held AS (
        UPDATE wallet SET pending = pending + CASE WHEN :ripe THEN 0 ELSE :amount END, active = active + CASE WHEN :ripe THEN :amount ELSE 0 END
        FROM txn WHERE wallet.id = :wallet AND debt = 0
        RETURNING wallet.id
    ), made AS (
        INSERT INTO lot (wallet_id, txn_id, issuing_unit_id, quantity, remaining, state, available_from, expires_at)
        SELECT held.id, txn.id, :unit, :amount, :amount, CASE WHEN :ripe THEN 'active' ELSE 'pending' END, :available_from, :expires_at
        FROM held, txn
        RETURNING id
    ), moved AS (
        INSERT INTO lot_move (lot_id, txn_id, amount) SELECT made.id, txn.id, :amount FROM made, txn
    ), entries AS (
        INSERT INTO points_entry (txn_id, book, wallet_id, business_unit_id, amount)
        SELECT txn.id, leg.book, CASE WHEN leg.own THEN held.id END, CASE WHEN NOT leg.own THEN :unit END, leg.amount
        FROM txn, held, (VALUES (CASE WHEN :ripe THEN 'active' ELSE 'pending' END, true, CAST(:amount AS bigint)),
                                ('issued', false, -CAST(:amount AS bigint))) AS leg (book, own, amount)
    )
    SELECT txn.id AS txn_id, held.id AS wallet_id FROM txn LEFT JOIN held ON true
    """
)


def earn(
    session: Session,
    *,
    wallet_id: int,
    amount: int,
    unit_id: int,
    cause: Cause,
    available_from: datetime,
    expires_at: datetime | None,
    kind: TxnKind = TxnKind.EARN,
) -> Posted:
    """Credit a lot issued by a business unit; it is pending until `available_from` (UTC). A known business key posts nothing.

    Raises BadRequestError for an amount or dates that cannot be, and for an adjustment without a reason.
    """
    check_amount(amount)
    check_reason(kind, cause)
    if expires_at is not None and expires_at <= max(available_from, cause.now):
        raise BadRequestError("points must be usable before they expire", code="bad_expiry")
    ripe = available_from <= cause.now
    bound = {
        "public_id": new_public_id(),
        "kind": kind,
        "business_key": cause.business_key,
        "reason": cause.reason[:200],
        "actor": cause.actor[:64],
        "store_id": cause.store_id,
        "occurred_at": cause.occurred_at,
        "now": cause.now,
        "data": orjson.dumps(cause.data).decode(),
        "wallet": wallet_id,
        "amount": amount,
        "unit": unit_id,
        "ripe": ripe,
        "available_from": available_from,
        "expires_at": expires_at,
    }
    row = session.execute(_EARN, bound).one_or_none()
    if row is None:
        known = find_txn(session, kind=kind, business_key=cause.business_key)
        assert known is not None
        return Posted(known.id, fresh=False)
    if row.wallet_id is None:
        wallet = lock_wallets(session, [wallet_id]).get(wallet_id)
        if wallet is None:
            raise BadRequestError("no such wallet", code="no_wallet")
        lot_id = add_lot(
            session,
            wallet_id=wallet_id,
            txn_id=row.txn_id,
            unit_id=unit_id,
            amount=amount,
            available_from=available_from,
            expires_at=expires_at,
            now=cause.now,
        )
        book = Book.ACTIVE if ripe else Book.PENDING
        legs = [Leg(book, amount, wallet_id=wallet_id), Leg(Book.ISSUED, -amount, unit_id=unit_id)]
        write_entries(session, row.txn_id, legs + repay(session, lot_id=lot_id, owed=-wallet.debt, txn_id=row.txn_id, book=book))
    return Posted(row.txn_id, fresh=True)


def repay(session: Session, *, lot_id: int, owed: int, txn_id: int, book: Book) -> list[Leg]:
    """Take what the customer owes out of a lot just credited; the legs go with the credit's own."""
    lot = session.get_one(Lot, lot_id, populate_existing=True)
    paid = min(owed, lot.remaining)
    if paid <= 0:
        return []
    move_lot(session, lot, -paid, txn_id=txn_id)
    return [Leg(book, -paid, wallet_id=lot.wallet_id), Leg(Book.DEBT, paid, wallet_id=lot.wallet_id)]
