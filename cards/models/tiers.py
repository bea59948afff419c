"""Tiers of a programme, the rule that qualifies for them, changes as they happened and exceptions made by hand."""

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class TierWindow(enum.StrEnum):
    """In which time a member qualifies."""

    ROLLING = "rolling"
    """The last `window_days` days; a tier is safe for as long again."""
    CALENDAR = "calendar"
    """The calendar year in Asia/Shanghai; a tier is safe until the year ends."""


class TierStep(enum.StrEnum):
    """How far down somebody goes when a period ends without enough."""

    ONE = "one"
    FULL = "full"


class ChangeWhy(enum.StrEnum):
    """Why a tier changed."""

    OPENED = "opened"
    QUALIFIED = "qualified"
    PERIOD_ENDED = "period_ended"
    OVERRIDE = "override"
    OVERRIDE_ENDED = "override_ended"
    GRANTED = "granted"
    """Bought, or given by invitation."""
    IMPORTED = "imported"
    JOINED = "joined"


class GrantWay(enum.StrEnum):
    """How somebody has a tier he did not earn."""

    HAND = "hand"
    """By a decision that stands in place of what he earned, upwards or downwards."""
    PAID = "paid"
    """Bought for a term; who earns more stands higher."""
    INVITED = "invited"
    """By invitation for a term; who earns more stands higher."""


class Tier(Base):
    """One step of a programme. `threshold` is in the rule's measure: points, fen, or orders; None for a tier that nobody earns."""

    __tablename__ = "tier"
    __table_args__ = (
        UniqueConstraint("programme_id", "rank"),
        UniqueConstraint("programme_id", "name"),
        UniqueConstraint("programme_id", "threshold"),
        CheckConstraint("rank BETWEEN 0 AND 99", name="rank"),
        CheckConstraint("threshold >= 0", name="threshold"),
        UniqueConstraint("programme_id", "sku"),
        CheckConstraint("(sku IS NULL) = (term_days IS NULL)", name="sku"),
        CheckConstraint("term_days BETWEEN 1 AND 3660", name="term_days"),
        CheckConstraint("discount_percent BETWEEN 0 AND 90", name="discount_percent"),
        CheckConstraint("multiplier_percent BETWEEN 0 AND 1000", name="multiplier_percent"),
        CheckConstraint("birthday_multiplier_percent BETWEEN 0 AND 1000", name="birthday_multiplier_percent"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    rank: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(32))
    name_en: Mapped[str] = mapped_column(String(32), default="")
    threshold: Mapped[int | None] = mapped_column(BigInteger)
    sku: Mapped[str | None] = mapped_column(String(64))
    """The article that is this tier: an order with it gives the tier for `term_days`, each piece as long again."""
    term_days: Mapped[int | None] = mapped_column(Integer)
    face: Mapped[str] = mapped_column(String(32), default="plain")
    """The look of the card: a class name of the pages' style sheet."""
    discount_percent: Mapped[int] = mapped_column(Integer, default=0)
    """Percent off the price: 5 leaves 95."""
    multiplier_percent: Mapped[int] = mapped_column(Integer, default=100)
    """Points of a purchase in percent: 150 is half as many again."""
    birthday_multiplier_percent: Mapped[int] = mapped_column(Integer, default=100)
    benefits: Mapped[str] = mapped_column(Text, default="")
    benefits_en: Mapped[str] = mapped_column(Text, default="")


class TierRule(Base):
    """How members of a programme qualify. `measure` names a plug-in of `cards.tier_rules`."""

    __tablename__ = "tier_rule"
    __table_args__ = (
        CheckConstraint("window_kind IN ('rolling', 'calendar')", name="window_kind"),
        CheckConstraint("step IN ('one', 'full')", name="step"),
        CheckConstraint("window_days BETWEEN 1 AND 1100", name="window_days"),
        CheckConstraint("grace_days BETWEEN 0 AND 365", name="grace_days"),
    )

    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    measure: Mapped[str] = mapped_column(String(32))
    window_kind: Mapped[TierWindow] = mapped_column(String(8))
    window_days: Mapped[int] = mapped_column(Integer, default=365)
    grace_days: Mapped[int] = mapped_column(Integer, default=0)
    step: Mapped[TierStep] = mapped_column(String(4), default=TierStep.ONE)
    changed_at: Mapped[datetime] = mapped_column(Moment)


class TierChange(Base):
    """A tier as it changed: append-only."""

    __tablename__ = "tier_change"
    __table_args__ = (
        CheckConstraint(
            "why IN ('opened', 'qualified', 'period_ended', 'override', 'override_ended', 'granted', 'imported', 'joined')",
            name="why",
        ),
        Index("ix_tier_change_card_id_at", "card_id", "at"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    card_id: Mapped[int] = mapped_column(ForeignKey("member_card.id"))
    from_tier_id: Mapped[int | None] = mapped_column(ForeignKey("tier.id"))
    to_tier_id: Mapped[int | None] = mapped_column(ForeignKey("tier.id"))
    why: Mapped[ChangeWhy] = mapped_column(String(16))
    measured: Mapped[int | None] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(Moment)


class TierOverride(Base):
    """A tier that was not earned, with its reason and its end. The one made by hand that has not ended rules; a paid or invited one is a floor."""

    __tablename__ = "tier_override"
    __table_args__ = (
        CheckConstraint("ends_at > from_at", name="ends_at"),
        CheckConstraint("reason <> ''", name="reason"),
        CheckConstraint("way IN ('hand', 'paid', 'invited')", name="way"),
        Index("uq_tier_override_open", "card_id", unique=True, postgresql_where="ended_at IS NULL AND way = 'hand'"),
        Index("ix_tier_override_granted", "card_id", postgresql_where="ended_at IS NULL AND way <> 'hand'"),
        UniqueConstraint("source"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    card_id: Mapped[int] = mapped_column(ForeignKey("member_card.id"))
    tier_id: Mapped[int] = mapped_column(ForeignKey("tier.id"))
    reason: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(64))
    from_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    way: Mapped[GrantWay] = mapped_column(String(8), default=GrantWay.HAND)
    source: Mapped[str | None] = mapped_column(String(160))
    """What gave it: the order's key and line. One source gives one term, however often it is told."""
