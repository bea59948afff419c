"""Who is kept out: customers, phone numbers and devices that get, use and earn nothing until a day, for a reason."""

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class BlockKind(enum.StrEnum):
    """What is blocked."""

    CUSTOMER = "customer"
    PHONE = "phone"
    """Everybody with this number, whatever account he comes with."""
    DEVICE = "device"
    """A phone that opened our pages, by the number its cookie carries."""


class Block(Base):
    """One entry of the blacklist. It is never deleted: it ends by its day, or is lifted with a reason."""

    __tablename__ = "block"
    __table_args__ = (
        CheckConstraint(
            "(kind = 'customer' AND customer_id IS NOT NULL AND phone_sealed IS NULL AND device IS NULL)"
            " OR (kind = 'phone' AND customer_id IS NULL AND phone_sealed IS NOT NULL AND device IS NULL)"
            " OR (kind = 'device' AND customer_id IS NULL AND phone_sealed IS NULL AND device IS NOT NULL)",
            name="kind",
        ),
        CheckConstraint("(phone_sealed IS NULL) = (phone_lookup IS NULL)", name="phone"),
        CheckConstraint("(lifted_at IS NULL) = (lifted_by IS NULL)", name="lifted"),
        Index("ix_block_customer_id", "customer_id", postgresql_where="lifted_at IS NULL AND customer_id IS NOT NULL"),
        Index("ix_block_phone_lookup", "phone_lookup", postgresql_where="lifted_at IS NULL AND phone_lookup IS NOT NULL"),
        Index("ix_block_device", "device", postgresql_where="lifted_at IS NULL AND device IS NOT NULL"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    kind: Mapped[BlockKind] = mapped_column(String(8))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    phone_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_lookup: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_lookup_next: Mapped[bytes | None] = mapped_column(LargeBinary)
    device: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(200))
    until: Mapped[datetime | None] = mapped_column(Moment)
    """None is for good."""
    actor: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Moment)
    lifted_at: Mapped[datetime | None] = mapped_column(Moment)
    lifted_by: Mapped[str | None] = mapped_column(String(64))
    lifted_why: Mapped[str] = mapped_column(String(200), default="")
