"""Shop receipts that customers photographed: what each said, what became of it, and the picture, sealed, until it is no longer needed."""

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, LargeBinary, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class ReceiptState(enum.StrEnum):
    """What became of a receipt. It is decided once; only a till that tells the order of somebody else can take a credit back."""

    WAITING = "waiting"
    CREDITED = "credited"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """By the customer himself, or because he was forgotten."""


class Receipt(Base):
    """One receipt as a customer sent it and, once somebody looked, as it is. A number waits or is credited once in its store."""

    __tablename__ = "receipt"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'credited', 'refused', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name="decided"),
        CheckConstraint("(state = 'credited') = (purchase_id IS NOT NULL)", name="credited"),
        CheckConstraint("amount_fen > 0", name="amount_fen"),
        Index("uq_receipt_number", "store_id", "slip_key", unique=True, postgresql_where="state IN ('waiting', 'credited')"),
        Index("ix_receipt_waiting", "store_id", "id", postgresql_where="state = 'waiting'"),
        Index("ix_receipt_customer_id", "customer_id", "id"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    form_key: Mapped[UUID] = mapped_column(Uuid, unique=True)
    """Made in the form: sent twice, it is one receipt."""
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    number: Mapped[str] = mapped_column(String(40))
    slip_key: Mapped[str] = mapped_column(String(64))
    """The number without what people write differently; see `cards.slips`."""
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    paid_on: Mapped[date] = mapped_column(Date)
    """A day in Asia/Shanghai."""
    said: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What the customer wrote, which a clerk may have corrected."""
    state: Mapped[ReceiptState] = mapped_column(String(12), default=ReceiptState.WAITING)
    reason: Mapped[str] = mapped_column(String(200), default="")
    purchase_id: Mapped[int | None] = mapped_column(ForeignKey("purchase.id"), index=True)
    """The order that stands for it: its own, or the till's."""
    sent_at: Mapped[datetime] = mapped_column(Moment)
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    decided_by: Mapped[str | None] = mapped_column(String(64))


class ReceiptPicture(Base):
    """The picture of one receipt, a JPEG of ours without anything the camera wrote beside it. The row is deleted, never emptied."""

    __tablename__ = "receipt_picture"

    receipt_id: Mapped[int] = mapped_column(ForeignKey("receipt.id"), primary_key=True)
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    picture_sealed: Mapped[bytes] = mapped_column(LargeBinary, info={"sealed_batch": 16})
