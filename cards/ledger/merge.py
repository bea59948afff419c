"""Two wallets of one person become one: their lots keep expiry, issuer and origin, so that a later return finds them."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError
from cards.ledger.debit import known
from cards.ledger.earn import Posted
from cards.ledger.lots import settle_due, take_lots
from cards.ledger.post import Cause, Leg, begin, write_entries
from cards.ledger.wallets import lock_wallets
from cards.models.ledger import Book, Lot, PointsHold, TxnKind, Wallet

_BOOKS = (Book.ACTIVE, Book.PENDING, Book.HELD, Book.DEBT)


def merge_wallets(session: Session, *, from_wallet_id: int, into_wallet_id: int, cause: Cause) -> Posted:
    """Transfer everything of one wallet to another of the same programme and kind: active, pending and held, and what is owed.

    What one of them owes is paid from what the other holds. Raises BadRequestError when they do not belong together.
    """
    txn_id = begin(session, kind=TxnKind.TRANSFER, cause=cause)
    if txn_id is None:
        return known(session, TxnKind.TRANSFER, cause)
    wallets = lock_wallets(session, [from_wallet_id, into_wallet_id])
    if len({(wallet.programme_id, wallet.kind) for wallet in wallets.values()}) != 1 or len(wallets) != 2:
        raise BadRequestError("both wallets must belong to one programme", code="no_wallet")
    settle_due(session, wallets, now=cause.now)
    wallets = lock_wallets(session, wallets)
    old = wallets[from_wallet_id]
    held = {book: int(getattr(old, book.value)) for book in _BOOKS}
    # Empty lots move too: a returned reward goes back to the lot it came from.
    session.execute(update(Lot).where(Lot.wallet_id == old.id).values(wallet_id=into_wallet_id))
    session.execute(update(PointsHold).where(PointsHold.wallet_id == old.id).values(wallet_id=into_wallet_id))
    legs = [Leg(book, -amount, wallet_id=old.id) for book, amount in held.items()]
    write_entries(session, txn_id, legs + [Leg(book, amount, wallet_id=into_wallet_id) for book, amount in held.items()])
    _repay(session, into_wallet_id, txn_id=txn_id)
    return Posted(txn_id, fresh=True)


def _repay(session: Session, wallet_id: int, *, txn_id: int) -> None:
    wallet = session.scalars(select(Wallet).where(Wallet.id == wallet_id).execution_options(populate_existing=True)).one()
    paid = min(wallet.active, -wallet.debt)
    if paid > 0:
        write_entries(session, txn_id, [Leg(Book.ACTIVE, -paid, wallet_id=wallet_id), Leg(Book.DEBT, paid, wallet_id=wallet_id)])
        take_lots(session, wallet_id=wallet_id, amount=paid, txn_id=txn_id)
