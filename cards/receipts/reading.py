"""Receipts as they are read: a customer's own with what they brought, a store's queue, and one picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.errors import NotFoundError
from app.core.gate import see
from app.core.nouns import Customer, Store
from app.core.secrets import KeyRing
from cards.held_credit import is_held
from cards.models.receipts import Receipt, ReceiptState
from cards.orders import earned_of
from cards.receipt_doubles import find_alike
from cards.receipts.pictures import read_picture

SHOWN = 20


@dataclass(frozen=True, slots=True)
class OwnReceipt:
    """One line of a customer's page. `held` says that its points wait for a supervisor; `available_from` is UTC."""

    id: UUID
    store: str
    number: str
    amount_fen: int
    paid_on: date
    state: ReceiptState
    reason: str
    points: int
    available_from: datetime | None
    held: bool


def list_own(session: Session, customer_id: int, *, limit: int = SHOWN) -> list[OwnReceipt]:
    """What a customer sent, the newest first."""
    query = select(Receipt, Store.name).join(Store, Store.id == Receipt.store_id).where(Receipt.customer_id == customer_id)
    return [_own(session, row, store) for row, store in session.execute(query.order_by(Receipt.id.desc()).limit(limit))]


def _own(session: Session, row: Receipt, store: str) -> OwnReceipt:
    earned = [] if row.purchase_id is None else earned_of(session, row.purchase_id)
    return OwnReceipt(
        row.public_id,
        store,
        row.number,
        row.amount_fen,
        row.paid_on,
        ReceiptState(row.state),
        row.reason,
        sum(each.points - each.taken_back for each in earned),
        max((each.available_from for each in earned), default=None),
        row.purchase_id is not None and is_held(session, row.purchase_id),
    )


def list_waiting(session: Session, ring: KeyRing, *, store_id: int | None = None, limit: int = 20) -> list[dict[str, Any]]:
    """What waits for a verdict, oldest first: at one store, or everywhere. Customers are masked."""
    query = (
        select(Receipt, Customer, Store.name)
        .join(Customer, Customer.id == Receipt.customer_id)
        .join(Store, Store.id == Receipt.store_id)
        .where(*_waits(store_id))
        .order_by(Receipt.id)
        .limit(min(max(limit, 1), 100))
    )
    return [_waiting(session, ring, row, person, store) for row, person, store in session.execute(query)]


def count_waiting(session: Session, *, store_id: int) -> int:
    """How many wait at a store."""
    return session.scalar(select(func.count()).select_from(Receipt).where(*_waits(store_id))) or 0


def waiting_picture(session: Session, ring: KeyRing, public_id: UUID, *, store_id: int) -> bytes:
    """The picture of a receipt that waits at a store. Raises NotFoundError: what is decided has been looked at."""
    receipt = session.scalar(select(Receipt).where(Receipt.public_id == public_id, *_waits(store_id)))
    picture = None if receipt is None else read_picture(session, ring, receipt)
    if picture is None:
        raise NotFoundError("没有这张小票的照片 / there is no picture of such a receipt", code="no_receipt")
    return picture


def _waits(store_id: int | None) -> Sequence[Any]:
    return [Receipt.state == ReceiptState.WAITING, *([] if store_id is None else [Receipt.store_id == store_id])]


def _waiting(session: Session, ring: KeyRing, row: Receipt, person: Customer, store: str) -> dict[str, Any]:
    seen = see(ring, person)
    return {
        "id": str(row.public_id),
        "store": store,
        "number": row.number,
        "amount_fen": row.amount_fen,
        "paid_on": row.paid_on.isoformat(),
        "sent_at": row.sent_at.isoformat(),
        "customer": {"name": seen.name, "phone": seen.phone},
        "alike": [
            {"source": each.source, "order_no": each.order_no, "paid_at": each.paid_at.isoformat(), "own": each.customer_id == person.id}
            for each in find_alike(session, row)
        ],
    }
