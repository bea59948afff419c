"""How coupons are claimed and passed on beside their own page: typed campaign codes, and packs of which each friend takes one."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class ClaimCode(Base):
    """A code that gives a coupon: a campaign's word for many, or one of a batch for one person."""

    __tablename__ = "claim_code"
    __table_args__ = (
        CheckConstraint("most > 0 AND used BETWEEN 0 AND most", name="used"),
        Index("ix_claim_code_template_id", "template_id"),
        Index("ix_claim_code_batch", "batch", postgresql_where="batch IS NOT NULL"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    template_id: Mapped[int] = mapped_column(ForeignKey("coupon_template.id"))
    batch: Mapped[UUID | None] = mapped_column(Uuid)
    """Those that were made together; None for a campaign's word."""
    code: Mapped[str] = mapped_column(String(32), unique=True)
    """Tidy: capitals, without blanks and dashes."""
    most: Mapped[int] = mapped_column(Integer)
    """How many people it is good for; raised by one guarded UPDATE, never counted first."""
    used: Mapped[int] = mapped_column(Integer, default=0)
    until: Mapped[datetime | None] = mapped_column(Moment)
    """From when on it gives nothing any more."""
    actor: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Moment)
    closed_at: Mapped[datetime | None] = mapped_column(Moment)


class CouponPack(Base):
    """Several coupons of one template under one link: each friend takes one, the rest goes back to the giver. Each coupon has its gift row."""

    __tablename__ = "coupon_pack"
    __table_args__ = (CheckConstraint("size > 1", name="size"), Index("ix_coupon_pack_giver_id", "giver_id"))

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    giver_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    template_id: Mapped[int] = mapped_column(ForeignKey("coupon_template.id"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the link's token, hex."""
    size: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    recalled_at: Mapped[datetime | None] = mapped_column(Moment)
