"""Orders that wait for their buyer: attached when somebody with their phone appears, with the points they would have earned."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core.nouns import Customer
from app.core.registry import Registry
from app.core.secrets import KeyRing
from cards.models.orders import Purchase, PurchaseReturn
from cards.models.programme import Programme
from cards.order_returns import undo
from cards.orders import credit
from cards.phones import KIND

BATCH = 200


def attach_orders(session: Session, *, customer: Customer, ring: KeyRing, registry: Registry, now: datetime, limit: int = BATCH) -> int:
    """Give a customer the orders that wait under his phone, oldest first, and undo what had come back meanwhile; says how many.

    Each earns by the rules of its own day. An order that has found its customer is left alone.
    """
    if customer.phone_sealed is None or customer.joined_into_id is not None:
        return 0
    phone = ring.open(customer.phone_sealed, table="customer", column="phone_sealed", row=customer.public_id)
    hashes = ring.lookup_hashes(phone, kind=KIND)
    query = (
        select(Purchase)
        .where(Purchase.customer_id.is_(None), or_(Purchase.phone_lookup.in_(hashes), Purchase.phone_lookup_next.in_(hashes)))
        .where(Purchase.replaced_by_id.is_(None))
        .order_by(Purchase.paid_at, Purchase.id)
        .limit(limit)
        # A return of the same order waits for this, or this for it: either way its points are taken back once.
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    waiting = session.scalars(query).all()
    for purchase in waiting:
        programme = session.get_one(Programme, purchase.programme_id)
        credit(session, purchase, customer_id=customer.id, programme=programme, registry=registry, actor=purchase.actor, now=now)
        for held in _returns_of(session, purchase.id):
            undo(session, purchase, held, registry=registry, actor=held.actor, now=now)
    return len(waiting)


def awaited(session: Session, *, after: int = 0, limit: int = BATCH) -> Sequence[Customer]:
    """Living customers under whose phone an order waits, by id."""
    same = or_(
        Purchase.phone_lookup == Customer.phone_lookup,
        Purchase.phone_lookup == Customer.phone_lookup_next,
        Purchase.phone_lookup_next == Customer.phone_lookup,
    )
    waits = (Purchase.customer_id.is_(None), Purchase.phone_lookup.is_not(None), Purchase.replaced_by_id.is_(None))
    waiting = select(Customer.id).join(Purchase, same).where(*waits).distinct()
    query = select(Customer).where(Customer.id.in_(waiting), Customer.id > after, Customer.joined_into_id.is_(None))
    return session.scalars(query.order_by(Customer.id).limit(limit)).all()


def _returns_of(session: Session, purchase_id: int) -> Sequence[PurchaseReturn]:
    return session.scalars(select(PurchaseReturn).where(PurchaseReturn.purchase_id == purchase_id).order_by(PurchaseReturn.id)).all()
