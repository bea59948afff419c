"""Earning: one statement for a wallet without debt; a wallet with debt repays it first."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.core.errors import BadRequestError
from app.core.hot import HotStatement
from cards.ledger.lots import add_lot, move_lot
from cards.ledger.post import Cause, Leg, check_amount, check_reason, find_txn, head, write_entries
from cards.ledger.wallets import lock_wallets
from cards.models.ledger import Book, Lot, TxnKind


@dataclass(frozen=True, slots=True)
class Posted:
    """A transaction by its id; `fresh` is False when its business key was known and nothing was posted."""

    txn_id: int
    fresh: bool


_EARN = HotStatement(
    """
    WITH txn AS (
        INSERT INTO points_txn (public_id, kind, business_key, reason, actor, store_id, occurred_at, posted_at, data)
        VALUES (:public_id, :kind, :business_key, :reason, :actor, :store_id, :occurred_at, :now, :data)
        ON CONFLICT (kind, business_key) DO NOTHING
        RETURNING id
    ), held AS (
        UPDATE wallet SET active = active + CASE WHEN CAST(:ripe AS boolean) THEN CAST(:amount AS bigint) ELSE 0 END,
                          pending = pending + CASE WHEN CAST(:ripe AS boolean) THEN 0 ELSE CAST(:amount AS bigint) END
        FROM txn WHERE wallet.id = CAST(:wallet AS bigint) AND debt = 0
        RETURNING wallet.id
    ), made AS (
        INSERT INTO lot (wallet_id, txn_id, issuing_unit_id, quantity, remaining, state, available_from, expires_at)
        SELECT held.id, txn.id, CAST(:unit AS bigint), CAST(:amount AS bigint), CAST(:amount AS bigint),
               CASE WHEN CAST(:ripe AS boolean) THEN 'active' ELSE 'pending' END,
               CAST(:available_from AS timestamptz), CAST(:expires_at AS timestamptz)
        FROM held, txn
        RETURNING id
    ), moved AS (
        INSERT INTO lot_move (lot_id, txn_id, amount) SELECT made.id, txn.id, CAST(:amount AS bigint) FROM made, txn
    ), entries AS (
        INSERT INTO points_entry (txn_id, book, wallet_id, business_unit_id, amount)
        SELECT txn.id, leg.book, leg.wallet_id, leg.unit_id, leg.amount
        FROM txn, held, (VALUES (CASE WHEN CAST(:ripe AS boolean) THEN 'active' ELSE 'pending' END, CAST(:wallet AS bigint), CAST(NULL AS bigint),
                                 CAST(:amount AS bigint)),
                                ('issued', NULL, CAST(:unit AS bigint), -CAST(:amount AS bigint))) AS leg (book, wallet_id, unit_id, amount)
    )
    SELECT txn.id, held.id FROM txn LEFT JOIN held ON true
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
    bound = {
        **head(kind, cause),
        "wallet": wallet_id,
        "amount": amount,
        "unit": unit_id,
        "ripe": available_from <= cause.now,
        "available_from": available_from,
        "expires_at": expires_at,
    }
    row = _EARN.row(session, bound)
    if row is None:
        known = find_txn(session, kind=kind, business_key=cause.business_key)
        assert known is not None
        return Posted(known.id, fresh=False)
    txn_id = int(row[0] or 0)
    if row[1] is None:
        wallet = lock_wallets(session, [wallet_id]).get(wallet_id)
        if wallet is None:
            raise BadRequestError("no such wallet", code="no_wallet")
        lot_id = add_lot(
            session,
            wallet_id=wallet_id,
            txn_id=txn_id,
            unit_id=unit_id,
            amount=amount,
            available_from=available_from,
            expires_at=expires_at,
            now=cause.now,
        )
        book = Book.ACTIVE if available_from <= cause.now else Book.PENDING
        legs = [Leg(book, amount, wallet_id=wallet_id), Leg(Book.ISSUED, -amount, unit_id=unit_id)]
        write_entries(session, txn_id, legs + repay(session, lot_id=lot_id, owed=-wallet.debt, txn_id=txn_id, book=book))
    return Posted(txn_id, fresh=True)


def repay(session: Session, *, lot_id: int, owed: int, txn_id: int, book: Book) -> list[Leg]:
    """Take what the customer owes out of a lot just credited; the legs go with the credit's own."""
    lot = session.get_one(Lot, lot_id, populate_existing=True)
    paid = min(owed, lot.remaining)
    if paid <= 0:
        return []
    move_lot(session, lot, -paid, txn_id=txn_id)
    return [Leg(book, -paid, wallet_id=lot.wallet_id), Leg(Book.DEBT, paid, wallet_id=lot.wallet_id)]
