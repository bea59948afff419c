"""Orders as they are read: one by its number, and its lines."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFoundError
from cards.models.orders import Purchase, PurchaseLine


def find_order(
    session: Session, *, source: str, order_no: str, unit_id: int | None = None, programme_id: int | None = None, lock: bool = False
) -> Purchase:
    """An order by its source and number; with `unit_id` or `programme_id` one of that unit or programme only. Raises NotFoundError."""
    query = select(Purchase).where(Purchase.source == source, Purchase.order_no == order_no)
    if programme_id is not None:
        query = query.where(Purchase.programme_id == programme_id)
    if unit_id is not None:
        query = query.where(Purchase.business_unit_id == unit_id)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    purchase = session.scalar(query)
    if purchase is None:
        raise NotFoundError(f"没有订单 {source} {order_no} / there is no order {source} {order_no}", code="no_order")
    return purchase


def lines_of(session: Session, purchase_id: int) -> Sequence[PurchaseLine]:
    """The lines of an order, by number."""
    query = select(PurchaseLine).where(PurchaseLine.purchase_id == purchase_id).order_by(PurchaseLine.line_no)
    return session.scalars(query.execution_options(populate_existing=True)).all()
