"""Whose receipts are when people are joined and forgotten."""

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.nouns import Customer
from cards.models.receipts import Receipt, ReceiptPicture, ReceiptState
from cards.receipts.sending import give_up

_PICTURE = table_of(ReceiptPicture)


def join_receipts(session: Session, *, old: int, into: int) -> None:
    """Two customers turned out to be one: the receiver has the receipts of both. What waits counts for him with the other guards."""
    session.execute(update(Receipt).where(Receipt.customer_id == old).values(customer_id=into))


def forget_receipts(session: Session, *, customer_id: int, now: datetime) -> None:
    """What was photographed goes when the customer is forgotten, and nothing of his waits any more; what was credited stays in the books."""
    if session.scalar(select(Customer.id).where(Customer.id == customer_id, Customer.erased_at.is_not(None))) is None:
        return
    own = select(Receipt.id).where(Receipt.customer_id == customer_id)
    for receipt_id in session.scalars(own.where(Receipt.state == ReceiptState.WAITING).order_by(Receipt.id)).all():
        give_up(session, receipt_id, reason="", by="erasure", now=now)
    session.execute(delete(_PICTURE).where(_PICTURE.c.receipt_id.in_(own)))
