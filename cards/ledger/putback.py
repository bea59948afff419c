"""Points go back to the lots they came from; what is owed, and what was forgiven for them, is taken out of them first."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from cards.ledger.lots import move_lot
from cards.ledger.post import Cause, Leg, begin, write_entries
from cards.models.ledger import Book, Lot, LotState, PointsTxn, TxnKind, Wallet


def put_back(
    session: Session, amounts: Mapping[int, int], *, wallet_id: int, txn_id: int, cause: Cause, origin: Leg, unit_id: int | None = None
) -> None:
    """Credit lots (id to amount) of a locked wallet and write the transaction's entries against `origin`.

    Every lot keeps its own expiry and is active again, also when it has expired or was cancelled meanwhile. `unit_id` is where the points had
    been used.
    """
    wallet = session.scalars(select(Wallet).where(Wallet.id == wallet_id).execution_options(populate_existing=True)).one()
    owed = -wallet.debt
    legs = [origin, Leg(Book.ACTIVE, sum(amounts.values()), wallet_id=wallet_id)]
    lots = []
    for lot_id, amount in amounts.items():
        lot = session.get_one(Lot, lot_id, populate_existing=True)
        lot.state = LotState.ACTIVE
        move_lot(session, lot, amount, txn_id=txn_id, unit_id=unit_id)
        lots.append(lot)
        paid = min(owed, amount)
        if paid:
            owed -= paid
            move_lot(session, lot, -paid, txn_id=txn_id)
            legs += [Leg(Book.ACTIVE, -paid, wallet_id=wallet_id), Leg(Book.DEBT, paid, wallet_id=wallet_id)]
    write_entries(session, txn_id, legs)
    for lot in lots:
        _recover(session, lot, txn_id=txn_id, cause=cause)


def _recover(session: Session, lot: Lot, *, txn_id: int, cause: Cause) -> None:
    """Take back what a returned purchase was forgiven while these points were out: else buy, use, return both, and keep them."""
    due = min(forgiven(session, lot.txn_id, apart_from=txn_id), lot.remaining)
    if due <= 0:
        return
    why = replace(cause, business_key=f"forgiven:{txn_id}:{lot.id}", reason="退货扣回", data={"forgiven": -due})
    recovery = begin(session, kind=TxnKind.TAKE_BACK, cause=why, corrects_id=lot.txn_id)
    assert recovery is not None, "the transaction that puts back is new"
    move_lot(session, lot, -due, txn_id=recovery)
    write_entries(session, recovery, [Leg(Book.ACTIVE, -due, wallet_id=lot.wallet_id), Leg(Book.ISSUED, due, unit_id=lot.issuing_unit_id)])


def forgiven(session: Session, txn_id: int, *, apart_from: int) -> int:
    """How much of a purchase's points was let go when it was returned, and has not come back since."""
    rows = session.scalars(select(PointsTxn.data).where(PointsTxn.corrects_id == txn_id, PointsTxn.id != apart_from))
    return sum(int(data.get("forgiven", 0)) for data in rows)
