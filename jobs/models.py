"""The tables of broadcasts: what was ordered, through which accounts, one row per person, and receipts nobody has claimed yet."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, SmallInteger, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class Purpose(enum.StrEnum):
    """Why a message is sent; WeChat allows promotion in some channels only."""

    SERVICE = "service"
    MARKETING = "marketing"


class DeliveryState(enum.StrEnum):
    """What is known of one person's message."""

    PENDING = "pending"
    SENDING = "sending"
    """Claimed by a drain; when its lease runs out nobody knows whether the call was made."""
    SENT = "sent"
    """WeChat took it and gave a msgid."""
    DELIVERED = "delivered"
    BLOCKED = "blocked"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """No answer came: it may have been sent."""
    UNDECIDED = "undecided"
    """Unknown for 24 hours without a receipt; never sent again by itself."""
    LEFT_OUT = "left_out"


class Broadcast(Base):
    """One content for one segment over several accounts. Its state is never stored: moments here and the rows of `delivery` tell it."""

    __tablename__ = "broadcast"
    __table_args__ = (
        CheckConstraint("purpose IN ('service', 'marketing')", name="purpose"),
        CheckConstraint("control_percent BETWEEN 0 AND 50", name="control_percent"),
        CheckConstraint("(quiet_from_min IS NULL) = (quiet_to_min IS NULL)", name="quiet_pair"),
        CheckConstraint("quiet_from_min BETWEEN 0 AND 1439 AND quiet_to_min BETWEEN 0 AND 1439", name="quiet_range"),
        CheckConstraint("frozen_wave BETWEEN 0 AND wave", name="frozen_wave"),
        CheckConstraint("lanes BETWEEN 1 AND 4", name="lanes"),
        Index("ix_broadcast_scheduled", "scheduled_at", postgresql_where="frozen_wave < wave AND cancelled_at IS NULL"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    """Given by whoever plans: the same key again finds the same broadcast."""
    key_digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the plan, hex: the same key with another plan is refused."""
    name: Mapped[str] = mapped_column(String(64))
    purpose: Mapped[str] = mapped_column(String(16))
    carrier: Mapped[str] = mapped_column(String(32))
    segment: Mapped[dict[str, Any]] = mapped_column(JSONB)
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    salt: Mapped[str] = mapped_column(String(32))
    control_percent: Mapped[int] = mapped_column(SmallInteger, default=0)
    lanes: Mapped[int] = mapped_column(SmallInteger, default=1)
    """How many drains may work on one account of this broadcast at once."""
    quiet_from_min: Mapped[int | None] = mapped_column(SmallInteger)
    """Minute of the day in Asia/Shanghai from which customers are left alone."""
    quiet_to_min: Mapped[int | None] = mapped_column(SmallInteger)
    grace_s: Mapped[int] = mapped_column(Integer)
    """How late after its time it may still start."""
    wave: Mapped[int] = mapped_column(SmallInteger, default=1)
    frozen_wave: Mapped[int] = mapped_column(SmallInteger, default=0)
    """The last wave whose rows exist."""
    planned_at: Mapped[datetime] = mapped_column(Moment)
    planned_by: Mapped[str] = mapped_column(String(64))
    scheduled_at: Mapped[datetime | None] = mapped_column(Moment)
    """When it is to start; empty until somebody orders it."""
    frozen_at: Mapped[datetime | None] = mapped_column(Moment)
    paused_at: Mapped[datetime | None] = mapped_column(Moment)
    paused_why: Mapped[str | None] = mapped_column(String(32))
    cancelled_at: Mapped[datetime | None] = mapped_column(Moment)
    refused_at: Mapped[datetime | None] = mapped_column(Moment)
    """When it was found past its grace and not started."""


class BroadcastAccount(Base):
    """How one account says the content: its template, and the data as every message carries it, checked before anything is sent."""

    __tablename__ = "broadcast_account"

    broadcast_id: Mapped[int] = mapped_column(ForeignKey("broadcast.id"), primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True, autoincrement=False)
    template_id: Mapped[str] = mapped_column(String(64))
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Template field to public field."""
    message: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The body of every message but for the recipient and the message id."""


class Lane(Base):
    """The right to drain one account of one broadcast: one row a lane, held under a lease."""

    __tablename__ = "broadcast_lane"

    broadcast_id: Mapped[int] = mapped_column(ForeignKey("broadcast.id"), primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True, autoincrement=False)
    lane: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    owner: Mapped[UUID] = mapped_column(Uuid)
    lease_until: Mapped[datetime] = mapped_column(Moment)


class Delivery(Base):
    """One message for one person in one wave, or the reason why there is none."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("broadcast_id", "wave", "customer_id"),
        CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'delivered', 'blocked', 'failed', 'unknown', 'undecided', 'left_out')", name="state"
        ),
        CheckConstraint("(state = 'left_out') = (left_out_why IS NOT NULL)", name="left_out_why"),
        CheckConstraint("state = 'left_out' OR account_id IS NOT NULL", name="account"),
        Index("ix_delivery_pending", "broadcast_id", "account_id", "id", postgresql_where="state = 'pending'"),
        # What is neither done nor waiting for its first attempt: leases that may run out, rows that may be tried again or wait for a receipt.
        Index("ix_delivery_open", "broadcast_id", "account_id", "next_at", postgresql_where="state IN ('sending', 'unknown', 'undecided')"),
        Index("ix_delivery_account_id_msgid", "account_id", "msgid", postgresql_where="msgid IS NOT NULL"),
        Index("ix_delivery_follower_id", "follower_id", postgresql_where="follower_id IS NOT NULL"),
        {
            # Every row is updated three times in minutes: room on its page, and a vacuum that does not wait for a fifth of the table.
            "postgresql_with": {
                "fillfactor": "70",
                "autovacuum_vacuum_scale_factor": "0.02",
                "autovacuum_vacuum_threshold": "2000",
                "autovacuum_analyze_scale_factor": "0.02",
                "autovacuum_vacuum_cost_delay": "0",
            }
        },
    )

    id: Mapped[int] = row_id()
    broadcast_id: Mapped[int] = mapped_column(ForeignKey("broadcast.id"))
    wave: Mapped[int] = mapped_column(SmallInteger)
    # No foreign keys to customer and follower: freezing 100 000 rows would write a key lock into as many rows of both.
    customer_id: Mapped[int | None] = mapped_column(BigInteger)
    """Empty once the follower is erased, or when consent joined two people who both had a row."""
    follower_id: Mapped[int | None] = mapped_column(BigInteger)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    openid: Mapped[str | None] = mapped_column(String(64))
    bucket: Mapped[int] = mapped_column(SmallInteger)
    """0 to 9999, a stable hash of salt and customer: control group and variants are ranges of it."""
    state: Mapped[str] = mapped_column(String(16))
    left_out_why: Mapped[str | None] = mapped_column(String(32))
    error_code: Mapped[int | None] = mapped_column(Integer)
    """WeChat's errcode, or our own negative one where WeChat gave none (see `jobs.broadcasts.outcomes`)."""
    error_why: Mapped[str | None] = mapped_column(String(32))
    rid: Mapped[str | None] = mapped_column(String(64))
    msgid: Mapped[str | None] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    doubtful: Mapped[bool] = mapped_column(Boolean, default=False)
    """An attempt before the present one went unanswered, so that a refusal does not prove that nothing was sent."""
    lease_owner: Mapped[UUID | None] = mapped_column(Uuid)
    next_at: Mapped[datetime | None] = mapped_column(Moment)
    """While sending: end of the lease. While unknown: when it may be tried again, if ever."""
    first_attempt_at: Mapped[datetime | None] = mapped_column(Moment)
    frozen_at: Mapped[datetime] = mapped_column(Moment)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    settled_at: Mapped[datetime | None] = mapped_column(Moment)
    """When the receipt says it ended."""


class ParkedReceipt(Base):
    """A receipt whose msgid no delivery knows yet. It carries no openid, only the follower it was about."""

    __tablename__ = "parked_receipt"
    __table_args__ = (
        UniqueConstraint("account_id", "msgid"),
        CheckConstraint("outcome IN ('delivered', 'blocked', 'failed')", name="outcome"),
        Index("ix_parked_receipt_follower_id", "follower_id", postgresql_where="follower_id IS NOT NULL"),
        Index("ix_parked_receipt_parked_at", "parked_at"),
    )

    id: Mapped[int] = row_id()
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    msgid: Mapped[str] = mapped_column(String(64))
    follower_id: Mapped[int | None] = mapped_column(BigInteger)
    outcome: Mapped[str] = mapped_column(String(16))
    occurred_at: Mapped[datetime] = mapped_column(Moment)
    parked_at: Mapped[datetime] = mapped_column(Moment)
