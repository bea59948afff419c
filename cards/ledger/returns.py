"""Returns: points of a returned purchase are taken back, a returned reward goes back to the lots it came from."""

from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, ConflictError
from cards.ledger.debit import known
from cards.ledger.earn import Posted
from cards.ledger.lots import move_lot, settle_due, take_lots
from cards.ledger.post import Cause, Leg, begin, check_amount, write_entries
from cards.ledger.putback import forgiven, put_back
from cards.ledger.wallets import lock_wallet_of, lock_wallets
from cards.models.ledger import Book, Lot, LotMove, LotState, PointsEntry, PointsTxn, TxnKind, Wallet
from cards.models.programme import ReturnPolicy

_EARNED = (TxnKind.EARN, TxnKind.ADJUST, TxnKind.OPEN)


def take_back(session: Session, *, earn_txn_id: int, amount: int, policy: ReturnPolicy, cause: Cause) -> Posted:
    """Take back points of a returned purchase, all or part of what the transaction `earn_txn_id` brought.

    In this order: what is left of its own lot, what of it has expired (nobody loses it twice), then, for what was spent, other active lots, and
    at last the programme's policy: a debt, forgiveness, or refusal.
    Raises BadRequestError for more than was earned, ConflictError when the policy refuses.
    """
    check_amount(amount)
    earned = select(Lot).join(PointsTxn, PointsTxn.id == Lot.txn_id).where(Lot.txn_id == earn_txn_id, PointsTxn.kind.in_(_EARNED))
    lot = session.scalars(earned).one_or_none()
    if lot is None:
        raise BadRequestError("that transaction brought no points", code="not_an_earn")
    lock_wallet_of(session, select(Lot.wallet_id).where(Lot.id == lot.id))
    txn_id = begin(session, kind=TxnKind.TAKE_BACK, cause=cause, corrects_id=earn_txn_id, whole=amount == lot.quantity)
    if txn_id is None:
        return known(session, TxnKind.TAKE_BACK, cause)
    session.refresh(lot)
    settle_due(session, [lot.wallet_id], now=cause.now)
    session.refresh(lot)
    before = _corrected(session, earn_txn_id, book=Book.ISSUED, apart_from=txn_id) + forgiven(session, earn_txn_id, apart_from=txn_id)
    if before + amount > lot.quantity:
        raise BadRequestError("more is returned than was earned", code="over_returned")
    shares = _share_out(session, lot, amount, apart_from=txn_id)
    if shares.spent and policy == ReturnPolicy.REFUSE:
        raise ConflictError("points of this purchase are already spent", code="points_spent")
    let_go = shares.spent if policy == ReturnPolicy.FLOOR_AT_ZERO else 0
    if let_go:
        session.get_one(PointsTxn, txn_id).data = {**cause.data, "forgiven": let_go}
    own_book = Book.PENDING if lot.state == LotState.PENDING else Book.ACTIVE
    if shares.own:
        if shares.own == lot.remaining:
            lot.state = LotState.CANCELLED
        move_lot(session, lot, -shares.own, txn_id=txn_id)
    if shares.others:
        take_lots(session, wallet_id=lot.wallet_id, amount=shares.others, txn_id=txn_id)
    legs = [
        Leg(own_book, -shares.own, wallet_id=lot.wallet_id),
        Leg(Book.EXPIRED, -shares.expired, unit_id=lot.issuing_unit_id),
        Leg(Book.ACTIVE, -shares.others, wallet_id=lot.wallet_id),
        Leg(Book.DEBT, let_go - shares.spent, wallet_id=lot.wallet_id),
        Leg(Book.ISSUED, amount - let_go, unit_id=lot.issuing_unit_id),
    ]
    session.flush()
    write_entries(session, txn_id, legs)
    return Posted(txn_id, fresh=True)


@dataclass(frozen=True, slots=True)
class _Shares:
    """Where points that are taken back come from."""

    own: int
    """Still in the purchase's own lot."""
    expired: int
    """Gone by expiry: taken from the unit's expired account, for nobody loses a point twice."""
    others: int
    """Spent, and made good by other active lots."""
    spent: int
    """Spent, with nothing left to make it good."""


def _share_out(session: Session, lot: Lot, amount: int, *, apart_from: int) -> _Shares:
    own = min(amount, lot.remaining)
    gone = _expired(session, lot) - _corrected(session, lot.txn_id, book=Book.EXPIRED, apart_from=apart_from)
    expired = max(min(amount - own, gone), 0)
    wallet = lock_wallets(session, [lot.wallet_id])[lot.wallet_id]
    elsewhere = wallet.active - (lot.remaining if lot.state == LotState.ACTIVE else 0)
    others = max(min(amount - own - expired, elsewhere), 0)
    return _Shares(own, expired, others, amount - own - expired - others)


def still_used(session: Session, spend_txn_id: int) -> int:
    """How much of what a use took has not been given back; its wallet is locked from here on, so that it stays true."""
    _lock_wallet_of_use(session, spend_txn_id)
    query = (
        select(func.sum(PointsEntry.amount))
        .join(PointsTxn, PointsTxn.id == PointsEntry.txn_id)
        .where((PointsTxn.id == spend_txn_id) | (PointsTxn.corrects_id == spend_txn_id), PointsEntry.book == Book.REDEEMED)
    )
    return int(session.scalar(query) or 0)


def give_back(session: Session, *, spend_txn_id: int, amount: int, cause: Cause) -> Posted:
    """Give back all or part of what a spend took: to its own lots with their own expiry, the longest-lived first.

    A lot that has expired meanwhile takes its share too, and loses it again tonight, visibly.
    Raises BadRequestError for more than was spent.
    """
    check_amount(amount)
    spent = session.get(PointsTxn, spend_txn_id)
    if spent is None or spent.kind not in (TxnKind.SPEND, TxnKind.CONFIRM):
        raise BadRequestError("that transaction spent nothing", code="not_a_spend")
    used = select(func.sum(PointsEntry.amount)).where(PointsEntry.txn_id == spend_txn_id, PointsEntry.book == Book.REDEEMED)
    total = int(session.scalar(used) or 0)
    wallet = _lock_wallet_of_use(session, spend_txn_id)
    txn_id = begin(session, kind=TxnKind.GIVE_BACK, cause=cause, corrects_id=spend_txn_id, whole=amount == total)
    if txn_id is None:
        return known(session, TxnKind.GIVE_BACK, cause)
    if amount - _corrected(session, spend_txn_id, book=Book.REDEEMED, apart_from=txn_id) > total:
        raise BadRequestError("more is given back than was spent", code="over_returned")
    unit_id = session.scalars(
        select(PointsEntry.business_unit_id).where(PointsEntry.txn_id == spend_txn_id, PointsEntry.book == Book.REDEEMED)
    ).one()
    taken = _net_moves(session, spend_txn_id, apart_from=txn_id)
    longest_first = select(Lot.id).where(Lot.id.in_(_lots_of(spend_txn_id))).order_by(Lot.expires_at.desc().nulls_first(), Lot.id.desc())
    left, shares = amount, {}
    for lot_id in session.scalars(longest_first):
        back = min(left, taken.get(lot_id, 0))
        if back > 0:
            shares[lot_id] = back
            left -= back
    if left:
        raise BadRequestError("more is given back than was spent", code="over_returned")
    put_back(
        session,
        shares,
        wallet_id=wallet.id,
        txn_id=txn_id,
        cause=cause,
        origin=Leg(Book.REDEEMED, -amount, unit_id=unit_id),
        unit_id=unit_id,
    )
    return Posted(txn_id, fresh=True)


def _lots_of(txn_id: int) -> Select[int]:
    return select(LotMove.lot_id).where(LotMove.txn_id == txn_id)


def _lock_wallet_of_use(session: Session, txn_id: int) -> Wallet:
    wallet = lock_wallet_of(session, select(Lot.wallet_id).where(Lot.id.in_(_lots_of(txn_id))).order_by(Lot.id).limit(1))
    assert wallet is not None, "every use took from a lot"
    return wallet


def _corrected(session: Session, txn_id: int, *, book: Book, apart_from: int) -> int:
    """The sum that corrections of a transaction have entered on a unit's book so far (of `expired`, with its sign turned)."""
    query = (
        select(func.sum(PointsEntry.amount))
        .join(PointsTxn, PointsTxn.id == PointsEntry.txn_id)
        .where(PointsTxn.corrects_id == txn_id, PointsTxn.id != apart_from, PointsEntry.book == book)
    )
    found = int(session.scalar(query) or 0)
    return -found if book is Book.EXPIRED else found


def _expired(session: Session, lot: Lot) -> int:
    """How much of a lot has expired."""
    query = (
        select(func.sum(LotMove.amount))
        .join(PointsTxn, PointsTxn.id == LotMove.txn_id)
        .where(LotMove.lot_id == lot.id, PointsTxn.kind == TxnKind.EXPIRE)
    )
    return -int(session.scalar(query) or 0)


def _net_moves(session: Session, txn_id: int, *, apart_from: int) -> dict[int, int]:
    """What a spend took from each lot and has not given back: uses carry their unit, and so do the moves that undo them."""
    query = (
        select(LotMove.lot_id, func.sum(LotMove.amount).label("net"))
        .join(PointsTxn, PointsTxn.id == LotMove.txn_id)
        .where(LotMove.redeeming_unit_id.is_not(None), PointsTxn.id != apart_from)
        .where((PointsTxn.id == txn_id) | (PointsTxn.corrects_id == txn_id))
        .group_by(LotMove.lot_id)
    )
    return {row.lot_id: -int(row.net) for row in session.execute(query)}
