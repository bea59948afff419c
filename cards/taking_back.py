"""Whether what a purchase earned could be taken back whole, asked under the locks that keep the answer true."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cards.ledger.wallets import lock_wallets, open_wallet
from cards.models.earning import EarningAward
from cards.models.ledger import Lot
from cards.models.orders import Purchase
from cards.models.programme import Programme, ReturnPolicy


def can_go_back(session: Session, purchase: Purchase, *, owner: int | None, programme: Programme) -> bool:
    """Lock the wallets that hold a purchase's points, and the one of `owner`; says whether everything is there or would be owed.

    Where a programme forgives what is spent, or refuses to take it, a purchase told twice would else be earned twice.
    """
    lots = select(Lot).join(EarningAward, EarningAward.txn_id == Lot.txn_id).where(EarningAward.purchase_id == purchase.id)
    wallets = {lot.wallet_id for lot in session.scalars(lots)}
    if owner is not None:
        # Whoever asks credits this one next: both wallets are locked here, in the order of everybody.
        wallets.add(open_wallet(session, customer_id=owner, programme_id=programme.id))
    lock_wallets(session, wallets)
    held = session.scalars(lots.execution_options(populate_existing=True)).all()
    return programme.return_policy == ReturnPolicy.DEBT or all(lot.remaining == lot.quantity for lot in held)
