"""Scans that were refused after the customer may have left with the goods: kept until a supervisor has settled them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class ParkedScan(Base):
    """One refused attempt that waits for a person."""

    __tablename__ = "parked_scan"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'settled', 'void')", name="state"),
        CheckConstraint("(state = 'open') = (settled_at IS NULL)", name="settled_at"),
        Index("ix_parked_scan_open", "store_id", "at", postgresql_where="state = 'open'"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    attempt_id: Mapped[UUID] = mapped_column(Uuid, unique=True)
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    what: Mapped[str] = mapped_column(String(80))
    """The coupon's name when it is known, else the code's masked form."""
    code: Mapped[str] = mapped_column(String(32))
    """The machine code of the refusal."""
    why: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The sentence the clerk read, by language."""
    at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(String(8), default="open")
    settled_at: Mapped[datetime | None] = mapped_column(Moment)
    settled_by: Mapped[str | None] = mapped_column(String(64))
    note: Mapped[str | None] = mapped_column(String(200))
