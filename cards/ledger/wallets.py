"""Wallets: opened once per customer, programme and kind, and locked before any of their lots is touched."""

from collections.abc import Collection

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from cards.models.ledger import Wallet, WalletKind

_WALLET = table_of(Wallet)


def open_wallet(session: Session, *, customer_id: int, programme_id: int, kind: WalletKind = WalletKind.POINTS) -> int:
    """The id of a customer's wallet, made when he has none."""
    found = select(Wallet.id).where(Wallet.customer_id == customer_id, Wallet.programme_id == programme_id, Wallet.kind == kind)
    known = session.scalar(found)
    if known is not None:
        return known
    row = {"customer_id": customer_id, "programme_id": programme_id, "kind": kind, "active": 0, "pending": 0, "held": 0, "debt": 0}
    made = session.scalar(pg_insert(_WALLET).values(row).on_conflict_do_nothing().returning(_WALLET.c.id))
    return made if made is not None else session.execute(found).scalar_one()


def lock_wallets(session: Session, wallet_ids: Collection[int]) -> dict[int, Wallet]:
    """Wallets by id, locked in id order: the lock every writer of lots takes first."""
    query = (
        select(Wallet)
        .where(Wallet.id.in_(sorted(wallet_ids)))
        .order_by(Wallet.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {wallet.id: wallet for wallet in session.scalars(query)}


def lock_wallet_of(session: Session, owner: Select[int]) -> Wallet | None:
    """Lock the wallet whose id a query finds, and say it; None when the query finds none.

    Lots and holds change wallets when two customers are joined: the query is asked again under the lock, until both agree.
    """
    wallet_id = session.scalar(owner)
    while wallet_id is not None:
        wallet = lock_wallets(session, [wallet_id])[wallet_id]
        again = session.scalar(owner)
        if again == wallet_id:
            return wallet
        wallet_id = again
    return None
