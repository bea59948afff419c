"""Spending: the wallet's lock, what is due, the guarded balance, then the lots that expire first."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, ConflictError
from cards.ledger.debit import debit, known
from cards.ledger.earn import Posted
from cards.ledger.lots import add_lot, move_lot, settle_due, take_lots, write_moves
from cards.ledger.post import Cause, Leg, begin, check_amount, write_entries
from cards.ledger.putback import put_back
from cards.ledger.wallets import lock_wallet_of, lock_wallets
from cards.models.ledger import Book, Lot, LotMove, PointsHold, PointsTxn, TxnKind

LONGEST_HOLD = timedelta(minutes=10)


def spend(session: Session, *, wallet_id: int, amount: int, unit_id: int, cause: Cause) -> Posted:
    """Use points at a business unit. Raises InsufficientPointsError; the caller's transaction is then to be rolled back."""
    to = Leg(Book.REDEEMED, amount, unit_id=unit_id)
    return debit(session, TxnKind.SPEND, wallet_id=wallet_id, amount=amount, cause=cause, to=to, used_at=unit_id)


def donate(session: Session, *, wallet_id: int, amount: int, unit_id: int, cause: Cause) -> Posted:
    """Give points to a unit's donation account."""
    return debit(session, TxnKind.DONATE, wallet_id=wallet_id, amount=amount, cause=cause, to=Leg(Book.DONATION, amount, unit_id=unit_id))


def take_away(session: Session, *, wallet_id: int, amount: int, unit_id: int, cause: Cause) -> Posted:
    """A manual adjustment downwards; it takes no part in the settlement."""
    return debit(session, TxnKind.ADJUST, wallet_id=wallet_id, amount=amount, cause=cause, to=Leg(Book.ISSUED, amount, unit_id=unit_id))


def transfer(session: Session, *, from_wallet_id: int, to_wallet_id: int, amount: int, cause: Cause) -> Posted:
    """Move points to another customer; every lot keeps its expiry and its issuing unit."""
    check_amount(amount)
    if from_wallet_id == to_wallet_id:
        raise BadRequestError("a transfer needs two customers", code="same_wallet")
    txn_id = begin(session, kind=TxnKind.TRANSFER, cause=cause)
    if txn_id is None:
        return known(session, TxnKind.TRANSFER, cause)
    wallets = lock_wallets(session, [from_wallet_id, to_wallet_id])
    if len(wallets) != 2 or len({(wallet.programme_id, wallet.kind) for wallet in wallets.values()}) != 1:
        raise BadRequestError("both wallets must be of one programme and kind", code="no_wallet")
    settle_due(session, wallets, now=cause.now)
    owed = -wallets[to_wallet_id].debt
    legs = [Leg(Book.ACTIVE, -amount, wallet_id=from_wallet_id), Leg(Book.ACTIVE, amount, wallet_id=to_wallet_id)]
    write_entries(session, txn_id, legs)
    for taken in take_lots(session, wallet_id=from_wallet_id, amount=amount, txn_id=txn_id):
        lot_id = add_lot(
            session,
            wallet_id=to_wallet_id,
            txn_id=txn_id,
            unit_id=taken.issuing_unit_id,
            amount=taken.amount,
            available_from=cause.now,
            expires_at=taken.expires_at,
            now=cause.now,
        )
        paid = min(owed, taken.amount)
        if paid:
            owed -= paid
            move_lot(session, session.get_one(Lot, lot_id), -paid, txn_id=txn_id)
            write_entries(session, txn_id, [Leg(Book.ACTIVE, -paid, wallet_id=to_wallet_id), Leg(Book.DEBT, paid, wallet_id=to_wallet_id)])
    return Posted(txn_id, fresh=True)


def hold(session: Session, *, wallet_id: int, amount: int, unit_id: int, cause: Cause, until: datetime) -> Posted:
    """Set points aside for a till, for ten minutes at most."""
    check_amount(amount)
    if not cause.now < until <= cause.now + LONGEST_HOLD:
        raise BadRequestError("a hold lasts ten minutes at most", code="bad_hold")
    aside = Leg(Book.HELD, amount, wallet_id=wallet_id)
    posted = debit(session, TxnKind.HOLD, wallet_id=wallet_id, amount=amount, cause=cause, to=aside)
    if posted.fresh:
        kept = {"txn_id": posted.txn_id, "wallet_id": wallet_id, "business_unit_id": unit_id, "amount": amount}
        session.add(PointsHold(**kept, state="open", expires_at=until))
        session.flush()
    return posted


def confirm(session: Session, *, hold_txn_id: int, cause: Cause) -> Posted:
    """Use what a hold set aside. Raises BadRequestError for no hold, ConflictError when it was released, its time is over, or the key is another's."""
    _lock_hold(session, hold_txn_id)
    txn_id = begin(session, kind=TxnKind.CONFIRM, cause=cause, corrects_id=hold_txn_id)
    if txn_id is None:
        before = known(session, TxnKind.CONFIRM, cause)
        if session.get_one(PointsTxn, before.txn_id).corrects_id != hold_txn_id:
            raise ConflictError("this key has confirmed another hold", code="key_reused")
        return before
    kept = _open_hold(session, hold_txn_id)
    if kept.expires_at <= cause.now:
        raise ConflictError("the hold has run out", code="hold_expired")
    kept.state = "confirmed"
    session.flush()
    write_entries(
        session,
        txn_id,
        [Leg(Book.HELD, -kept.amount, wallet_id=kept.wallet_id), Leg(Book.REDEEMED, kept.amount, unit_id=kept.business_unit_id)],
    )
    moves = list(session.scalars(select(LotMove).where(LotMove.txn_id == hold_txn_id).order_by(LotMove.id)))
    # Out of the hold and into the use: together they change no lot, and the second half is what the settlement reads.
    undone: list[tuple[int, int, int | None]] = [(move.lot_id, -move.amount, None) for move in moves]
    write_moves(session, undone + [(move.lot_id, move.amount, kept.business_unit_id) for move in moves], txn_id=txn_id)
    return Posted(txn_id, fresh=True)


def release(session: Session, *, hold_txn_id: int, cause: Cause) -> Posted:
    """Give back what a hold set aside, to the lots it came from. Raises BadRequestError for no hold, ConflictError when it is settled already."""
    _lock_hold(session, hold_txn_id)
    txn_id = begin(session, kind=TxnKind.RELEASE, cause=cause, corrects_id=hold_txn_id, whole=True)
    if txn_id is None:
        return known(session, TxnKind.RELEASE, cause)
    kept = _open_hold(session, hold_txn_id)
    kept.state = "released"
    session.flush()
    moves = session.execute(select(LotMove.lot_id, LotMove.amount).where(LotMove.txn_id == hold_txn_id).order_by(LotMove.id))
    put_back(
        session,
        {row.lot_id: -row.amount for row in moves},
        wallet_id=kept.wallet_id,
        txn_id=txn_id,
        cause=cause,
        origin=Leg(Book.HELD, -kept.amount, wallet_id=kept.wallet_id),
    )
    return Posted(txn_id, fresh=True)


def _lock_hold(session: Session, hold_txn_id: int) -> None:
    """Lock the wallet of a hold, before its key is claimed: tills hold several locks and settle holds under them. Raises BadRequestError."""
    if lock_wallet_of(session, select(PointsHold.wallet_id).where(PointsHold.txn_id == hold_txn_id)) is None:
        raise BadRequestError("no such hold", code="no_hold")


def _open_hold(session: Session, hold_txn_id: int) -> PointsHold:
    """The hold of a transaction, read under its wallet's lock. Raises ConflictError when it is not open."""
    kept = session.scalars(
        select(PointsHold).where(PointsHold.txn_id == hold_txn_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    if kept.state != "open":
        raise ConflictError("the hold is settled already", code="hold_settled")
    return kept
