"""Coupons that also lie in WeChat's own wallet: which kind of card there is which template here, and which code is which coupon."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class CouponMirror(Base):
    """A template's kind of card at one account. What WeChat's own counters consume is booked at `store_id`."""

    __tablename__ = "coupon_mirror"
    __table_args__ = (UniqueConstraint("account_id", "card_id"), Index("ix_coupon_mirror_template_id", "template_id"))

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    template_id: Mapped[int] = mapped_column(ForeignKey("coupon_template.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    adapter: Mapped[str] = mapped_column(String(16))
    card_id: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Moment)


class MirroredCoupon(Base):
    """One code in somebody's wallet. The row stands as soon as either side speaks of the code, so that the order in which they do is no matter."""

    __tablename__ = "mirrored_coupon"
    __table_args__ = (
        UniqueConstraint("mirror_id", "code"),
        CheckConstraint("consumed_at IS NOT NULL OR consumed_source = ''", name="consumed"),
        Index("ix_mirrored_coupon_coupon_id", "coupon_id", postgresql_where="coupon_id IS NOT NULL"),
    )

    id: Mapped[int] = row_id()
    mirror_id: Mapped[int] = mapped_column(ForeignKey("coupon_mirror.id"))
    code: Mapped[str] = mapped_column(String(32))
    coupon_id: Mapped[int | None] = mapped_column(ForeignKey("coupon.id"))
    """None until it was taken, as far as we have heard."""
    asked_at: Mapped[datetime | None] = mapped_column(Moment)
    """When we first asked WeChat to consume it: what WeChat says of that afterwards is our own echo."""
    told_at: Mapped[datetime | None] = mapped_column(Moment)
    """When WeChat knew that it was used here."""
    consumed_at: Mapped[datetime | None] = mapped_column(Moment)
    """When it was consumed on WeChat's side by somebody else."""
    consumed_source: Mapped[str] = mapped_column(String(32), default="")
