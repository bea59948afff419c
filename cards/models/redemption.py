"""Redemption: every use and its reversal, what tills set aside, every attempt, codes accepted once, and what looked wrong."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class UseKind(enum.StrEnum):
    """A use of a coupon, or a reversal that names the use it takes back."""

    USE = "use"
    UNDO = "undo"


class CouponUse(Base):
    """Append-only: a use is never changed, its reversal is a row of its own."""

    __tablename__ = "coupon_use"
    __table_args__ = (
        CheckConstraint("kind IN ('use', 'undo')", name="kind"),
        CheckConstraint("(kind = 'undo') = (reverses_id IS NOT NULL)", name="reverses"),
        CheckConstraint("times > 0 AND discount_fen >= 0", name="amounts"),
        CheckConstraint("tier_fen >= 0", name="tier_fen"),
        UniqueConstraint("coupon_id", "purpose", "round"),
        UniqueConstraint("reverses_id"),
        Index("ix_coupon_use_order_key", "order_key", postgresql_where="order_key IS NOT NULL"),
        Index("ix_coupon_use_staff_id_at", "staff_id", "at"),
        Index("ix_coupon_use_store_id_at", "store_id", "at"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    kind: Mapped[UseKind] = mapped_column(String(4), default=UseKind.USE)
    coupon_id: Mapped[int] = mapped_column(ForeignKey("coupon.id"))
    purpose: Mapped[str] = mapped_column(String(160))
    """The business key: the order, or the attempt made on the device. The same purpose uses a coupon once, whatever the idempotency key."""
    round: Mapped[int] = mapped_column(Integer, default=0)
    """How often this purpose was reversed before."""
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("coupon_use.id"))
    times: Mapped[int] = mapped_column(Integer, default=1)
    order_key: Mapped[str | None] = mapped_column(String(128))
    total_fen: Mapped[int | None] = mapped_column(BigInteger)
    discount_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    tier_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    """What the member's tier took off before the coupon did: on the first coupon of an order alone."""
    waived: Mapped[str | None] = mapped_column(String(32))
    """The condition a supervisor let it through; `reason` says why."""
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))
    client_id: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(200), default="")
    reward_txn_id: Mapped[int | None] = mapped_column(ForeignKey("points_txn.id"))
    device_at: Mapped[datetime | None] = mapped_column(Moment)
    at: Mapped[datetime] = mapped_column(Moment)


class CouponHold(Base):
    """What a till set aside for one order: coupons, points and stored value together, for ten minutes at most."""

    __tablename__ = "coupon_hold"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'confirmed', 'released', 'reversed')", name="state"),
        Index("ix_coupon_hold_order", "order_key", unique=True, postgresql_where="state = 'open'"),
        Index("ix_coupon_hold_settled", "order_key", postgresql_where="state IN ('confirmed', 'reversed')"),
        Index("ix_coupon_hold_due", "expires_at", postgresql_where="state = 'open'"),
        Index("ix_coupon_hold_sold", "store_id", "settled_at", postgresql_where="state = 'confirmed'"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    order_key: Mapped[str] = mapped_column(String(128))
    client_id: Mapped[str] = mapped_column(String(64))
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))
    state: Mapped[str] = mapped_column(String(12), default="open")
    quote: Mapped[dict[str, Any]] = mapped_column(JSONB)
    points_txn_id: Mapped[int | None] = mapped_column(ForeignKey("points_txn.id"))
    value_txn_id: Mapped[int | None] = mapped_column(ForeignKey("points_txn.id"))
    expires_at: Mapped[datetime] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    settled_at: Mapped[datetime | None] = mapped_column(Moment)


class Attempt(Base):
    """Every attempt at a counter, refusals included: who, where, which device, when on both clocks, and what came of it."""

    __tablename__ = "redeem_attempt"
    __table_args__ = (
        Index("ix_redeem_attempt_attempt_id", "attempt_id"),
        Index("ix_redeem_attempt_device_id_at", "device_id", "at"),
        Index("ix_redeem_attempt_staff_id_at", "staff_id", "at"),
        Index("ix_redeem_attempt_coupon_id", "coupon_id", postgresql_where="coupon_id IS NOT NULL"),
    )

    id: Mapped[int] = row_id()
    attempt_id: Mapped[UUID] = mapped_column(Uuid)
    """Made on the device before the request leaves it."""
    act: Mapped[str] = mapped_column(String(12))
    """redeem, undo, hold, confirm, release."""
    outcome: Mapped[str] = mapped_column(String(32))
    """`done`, or the machine code of the refusal."""
    client_id: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(64))
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))
    coupon_id: Mapped[int | None] = mapped_column(ForeignKey("coupon.id"))
    use_id: Mapped[int | None] = mapped_column(ForeignKey("coupon_use.id"))
    shown: Mapped[str] = mapped_column(String(32))
    """What was scanned or typed, masked: its kind, length and last two signs."""
    offline: Mapped[bool] = mapped_column(Boolean, default=False)
    device_at: Mapped[datetime | None] = mapped_column(Moment)
    at: Mapped[datetime] = mapped_column(Moment)


class AcceptedCode(Base):
    """A moving code that was shown somewhere: whoever saw it first may go on with it, nobody else."""

    __tablename__ = "accepted_code"
    __table_args__ = (Index("ix_accepted_code_at", "at"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    bearer: Mapped[str] = mapped_column(String(64))
    """The client it was shown to."""
    spent: Mapped[bool] = mapped_column(Boolean)
    at: Mapped[datetime] = mapped_column(Moment)


class Suspicion(Base):
    """Something that looks like cheating, for a person to judge."""

    __tablename__ = "suspicion"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'cleared', 'confirmed')", name="state"),
        Index("ix_suspicion_open", "at", postgresql_where="state = 'open'"),
        UniqueConstraint("purchase_id"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(12), default="open")
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"), index=True)
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), index=True)
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))
    store_id: Mapped[int | None] = mapped_column(ForeignKey("store.id"))
    coupon_id: Mapped[int | None] = mapped_column(ForeignKey("coupon.id"))
    purchase_id: Mapped[int | None] = mapped_column(ForeignKey("purchase.id"))
    """The order whose points wait for the verdict: cleared releases them, confirmed withholds them for good."""
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    at: Mapped[datetime] = mapped_column(Moment)
    judged_at: Mapped[datetime | None] = mapped_column(Moment)
    judged_by: Mapped[str | None] = mapped_column(String(64))
    verdict: Mapped[str | None] = mapped_column(String(200))
