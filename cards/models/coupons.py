"""Coupons: templates and the pools whose limits they share, coupons with their life, bulk issues, gifts to friends and guarded counts."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class TemplateState(enum.StrEnum):
    """Terms may change while it is a draft, never afterwards: what a customer holds does not change in his hand."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    """Nothing new is issued; what is out stays good."""


class CouponState(enum.StrEnum):
    """issued -> (held) -> used, and back by a reversal; or expired, voided, given. Every step is one guarded UPDATE."""

    ISSUED = "issued"
    HELD = "held"
    """Set aside by a till until `held_until`; past it the coupon counts as issued."""
    USED = "used"
    EXPIRED = "expired"
    VOIDED = "voided"
    GIVEN = "given"
    """Given away: the friend holds a coupon of his own with another code."""


class Offline(enum.StrEnum):
    """Whether a clerk may redeem without a connection and send it later."""

    NEVER = "never"
    UP_TO = "up_to"
    ALWAYS = "always"


class CouponPool(Base):
    """Limits that several templates share: they are guarded here, where they are shared. None is no limit."""

    __tablename__ = "coupon_pool"
    __table_args__ = (CheckConstraint("least(stock, per_person, per_person_day, per_day) >= 0", name="limits"),)

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    name: Mapped[str] = mapped_column(String(64), unique=True)
    stock: Mapped[int | None] = mapped_column(Integer)
    per_person: Mapped[int | None] = mapped_column(Integer)
    per_person_day: Mapped[int | None] = mapped_column(Integer)
    per_day: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Moment)


class CouponTemplate(Base):
    """What a kind of coupon is worth, to whom, where and until when."""

    __tablename__ = "coupon_template"
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'open', 'closed')", name="state"),
        CheckConstraint("offline IN ('never', 'up_to', 'always')", name="offline"),
        CheckConstraint("least(stock, per_person, per_person_day, per_day) >= 0", name="limits"),
        CheckConstraint("least(minimum_fen, price_points, reward_points, offline_fen, days_wait) >= 0", name="amounts"),
        CheckConstraint("days_valid > 0", name="days_valid"),
        CheckConstraint("(value_rule IS NULL) = (budget_fen IS NULL)", name="personal"),
        CheckConstraint("days_valid IS NOT NULL OR valid_until IS NOT NULL", name="validity"),
        Index("ix_coupon_template_programme_id", "programme_id"),
        Index("ix_coupon_template_pool_id", "pool_id", postgresql_where="pool_id IS NOT NULL"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("business_unit.id"))
    """Who issues it and pays for it."""
    pool_id: Mapped[int | None] = mapped_column(ForeignKey("coupon_pool.id"))
    name: Mapped[str] = mapped_column(String(64))
    type: Mapped[str] = mapped_column(String(24))
    """Name of the plug-in of `cards.coupon_types`."""
    terms: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[TemplateState] = mapped_column(String(8), default=TemplateState.DRAFT)
    stock: Mapped[int | None] = mapped_column(Integer)
    per_person: Mapped[int | None] = mapped_column(Integer)
    per_person_day: Mapped[int | None] = mapped_column(Integer)
    per_day: Mapped[int | None] = mapped_column(Integer)
    """How many may be claimed a day (Asia/Shanghai) by everybody together."""
    store_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), default=list)
    """Stores that take it; none means every store."""
    skus: Mapped[list[str]] = mapped_column(ARRAY(String(64)), default=list)
    categories: Mapped[list[str]] = mapped_column(ARRAY(String(64)), default=list)
    """Goods it counts for; neither SKUs nor categories means every good."""
    minimum_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    valid_from: Mapped[datetime | None] = mapped_column(Moment)
    valid_until: Mapped[datetime | None] = mapped_column(Moment)
    """The moment from which it is no longer good."""
    days_wait: Mapped[int] = mapped_column(Integer, default=0)
    days_valid: Mapped[int | None] = mapped_column(Integer)
    """Days after the claim, the last one whole; `valid_until` ends it sooner."""
    stacking_class: Mapped[str] = mapped_column(String(24), default="alone")
    """`alone` goes with nothing, `free` with anything but alone; of any other class one goes on an order."""
    giveable: Mapped[bool] = mapped_column(Boolean, default=False)
    claimable: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether customers may take it themselves from its page."""
    claim_on: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    """Facts that give it by themselves: `[{"kind": "keyword.matched", "match": {"keyword": "领券"}}]`."""
    claim_from: Mapped[datetime | None] = mapped_column(Moment)
    claim_until: Mapped[datetime | None] = mapped_column(Moment)
    audience: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """A segment's tree: who may have it. None means everybody."""
    value_rule: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """How much it is worth to whom, where that differs: see `cards.coupons.worth`. None means the terms' own amount."""
    budget_fen: Mapped[int | None] = mapped_column(BigInteger)
    """What all personal values may come to together."""
    price_points: Mapped[int] = mapped_column(BigInteger, default=0)
    reward_points: Mapped[int] = mapped_column(BigInteger, default=0)
    """Points posted to the customer when it is redeemed."""
    offline: Mapped[Offline] = mapped_column(String(8), default=Offline.NEVER)
    offline_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(Moment)


class CouponBatch(Base):
    """One issue over a segment: walked in customer order, so that a killed run goes on where it stopped."""

    __tablename__ = "coupon_batch"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'done', 'out_of_stock', 'recalled')", name="state"),
        Index("ix_coupon_batch_template_id", "template_id"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    template_id: Mapped[int] = mapped_column(ForeignKey("coupon_template.id"))
    tree: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(String(16), default="running")
    total: Mapped[int] = mapped_column(Integer)
    issued: Mapped[int] = mapped_column(Integer, default=0)
    skipped: Mapped[int] = mapped_column(Integer, default=0)
    """Customers whose own limit was reached."""
    cursor: Mapped[int] = mapped_column(BigInteger, default=0)
    reason: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)


class Coupon(Base):
    """One coupon in one customer's hand."""

    __tablename__ = "coupon"
    __table_args__ = (
        CheckConstraint("state IN ('issued', 'held', 'used', 'expired', 'voided', 'given')", name="state"),
        CheckConstraint("uses_left BETWEEN 0 AND uses_total", name="uses"),
        CheckConstraint("state <> 'used' OR uses_left = 0", name="used"),
        CheckConstraint("state NOT IN ('issued', 'held') OR uses_left > 0", name="usable"),
        CheckConstraint("(state = 'held') = (hold_id IS NOT NULL)", name="held"),
        CheckConstraint("expires_at > valid_from", name="validity"),
        Index("ix_coupon_customer_id_expires_at", "customer_id", "expires_at"),
        Index("ix_coupon_template_id", "template_id"),
        Index("ix_coupon_batch_id", "batch_id", postgresql_where="batch_id IS NOT NULL"),
        Index("ix_coupon_page_id", "page_id", postgresql_where="page_id IS NOT NULL"),
        Index("ix_coupon_hold_id", "hold_id", postgresql_where="hold_id IS NOT NULL"),
        Index("ix_coupon_due", "expires_at", postgresql_where="state IN ('issued', 'held')"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    template_id: Mapped[int] = mapped_column(ForeignKey("coupon_template.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    code: Mapped[str] = mapped_column(String(16), unique=True)
    """What a clerk can type: twelve signs, the last one a check."""
    number: Mapped[int] = mapped_column(BigInteger, unique=True)
    """A random number that stands for the coupon in its moving codes, so that they do not give the typed code away."""
    cause_key: Mapped[str] = mapped_column(String(160), unique=True)
    """Why it exists: claim, batch and customer, fact, gift. One coupon per cause, for good."""
    path: Mapped[str] = mapped_column(String(16))
    """How it came: one of `cards.coupons.claim.Path`."""
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("coupon_batch.id"))
    given_from_id: Mapped[int | None] = mapped_column(ForeignKey("coupon.id"), unique=True)
    own_terms: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Terms of this one coupon where its worth is personal, in place of the template's."""
    device: Mapped[int | None] = mapped_column(BigInteger)
    """The phone it was claimed on, by the number its cookie carries."""
    page_id: Mapped[int | None] = mapped_column(ForeignKey("claim_page.id"))
    """The claim page it was taken on, where it was one."""
    state: Mapped[CouponState] = mapped_column(String(8), default=CouponState.ISSUED)
    valid_from: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    uses_total: Mapped[int] = mapped_column(Integer, default=1)
    uses_left: Mapped[int] = mapped_column(Integer, default=1)
    hold_id: Mapped[int | None] = mapped_column(ForeignKey("coupon_hold.id"))
    held_until: Mapped[datetime | None] = mapped_column(Moment)
    issued_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)


class CouponGift(Base):
    """An offer to a friend: taken once, recalled before that, or lapsed."""

    __tablename__ = "coupon_gift"
    __table_args__ = (
        CheckConstraint("state IN ('offered', 'taken', 'recalled', 'lapsed')", name="state"),
        Index("ix_coupon_gift_open", "coupon_id", unique=True, postgresql_where="state = 'offered'"),
        Index("ix_coupon_gift_due", "expires_at", postgresql_where="state = 'offered'"),
        Index("ix_coupon_gift_giver_id", "giver_id"),
        Index("ix_coupon_gift_pack_id", "pack_id", postgresql_where="pack_id IS NOT NULL"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    coupon_id: Mapped[int] = mapped_column(ForeignKey("coupon.id"))
    giver_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    pack_id: Mapped[int | None] = mapped_column(ForeignKey("coupon_pack.id"))
    """The pack it is a part of; its own token is then known to nobody."""
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the link's token, hex; the token itself is in the link alone."""
    state: Mapped[str] = mapped_column(String(8), default="offered")
    expires_at: Mapped[datetime] = mapped_column(Moment)
    taken_by_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    settled_at: Mapped[datetime | None] = mapped_column(Moment)


class CouponGuard(Base):
    """A count that may not pass its limit: taken by one guarded statement, never counted first and believed later."""

    __tablename__ = "coupon_guard"
    __table_args__ = (
        CheckConstraint("used >= 0", name="used"),
        Index("ix_coupon_guard_subject", "subject"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    scope: Mapped[str] = mapped_column(String(48), primary_key=True)
    """What is limited: `template:7:person`, `pool:2:stock`, `redeem:clerk`."""
    subject: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    """Whose count it is: a customer, a clerk, a device; 0 for everybody's."""
    slot: Mapped[str] = mapped_column(String(16), primary_key=True)
    """The day or hour it counts in, empty for good."""
    used: Mapped[int] = mapped_column(BigInteger)
