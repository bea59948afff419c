"""The tables of this room: tags, rules and evidence, channels and touches, segments."""

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id

QR_CODES_PER_ACCOUNT = 100_000
"""WeChat's limit on permanent codes; they cannot be deleted."""

# Fact keys are compared to break ties in time, so the database must order them as Python does.
_KEY = String(160, collation="C")


class Why(enum.StrEnum):
    """Why a customer lost a tag."""

    HAND = "hand"
    EXCLUSIVE = "exclusive"
    EXPIRED = "expired"
    ERASED = "erased"
    JOINED = "joined"
    SPLIT = "split"


class TagGroup(Base):
    """Tags that belong together. In an exclusive group a customer has one tag at most: the newest."""

    __tablename__ = "tag_group"

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    exclusive: Mapped[bool] = mapped_column(Boolean, default=False)
    description: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(Moment)


class Tag(Base):
    __tablename__ = "tag"
    __table_args__ = (CheckConstraint("colour ~ '^#[0-9a-f]{6}$'", name="colour"),)

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    group_id: Mapped[int | None] = mapped_column(ForeignKey("tag_group.id"), index=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    colour: Mapped[str] = mapped_column(String(7), default="#8c8c8c")
    description: Mapped[str] = mapped_column(String(200), default="")
    sensitive: Mapped[bool] = mapped_column(Boolean, default=False)
    """Health, family and the like: shown and used only by those who may."""
    created_at: Mapped[datetime] = mapped_column(Moment)


class TagRule(Base):
    """Facts of some kind give a tag. `kind` names a file of `tagging/rules`, `params` are checked by its schema."""

    __tablename__ = "tag_rule"
    __table_args__ = (
        CheckConstraint("weight > 0 AND weight <= 1000", name="weight"),
        CheckConstraint("half_life_s > 0", name="half_life_s"),
        CheckConstraint("expires_after_s > 0", name="expires_after_s"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), index=True)
    weight: Mapped[float] = mapped_column(Float, default=1.0)
    half_life_s: Mapped[int | None] = mapped_column(Integer)
    expires_after_s: Mapped[int | None] = mapped_column(Integer)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    """None: facts of every account."""
    position: Mapped[int] = mapped_column(Integer, default=100)
    """Rules in order: of two tags of an exclusive group given in the same second the earlier rule's wins."""
    enabled: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(Moment)


class CustomerTag(Base):
    """Who has which tag. Rows are inserted and deleted; what churns (weight, last seen) lies in `tag_evidence`."""

    __tablename__ = "customer_tag"
    __table_args__ = (
        PrimaryKeyConstraint("tag_id", "customer_id", name="pk_customer_tag", postgresql_include=["expires_at"]),
        Index("ix_customer_tag_customer", "customer_id"),
        Index("ix_customer_tag_expires", "expires_at", postgresql_where="expires_at IS NOT NULL"),
    )

    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), autoincrement=False)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), autoincrement=False)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)


class TagEvidence(Base):
    """Why a customer has a tag: one row per source and follower. `weight` is as of `last_at` and halves every `half_life_s` from there."""

    __tablename__ = "tag_evidence"
    __table_args__ = (
        Index("ix_tag_evidence_follower", "follower_id", postgresql_where="follower_id <> 0"),
        Index("ix_tag_evidence_tag", "tag_id", "customer_id"),
        Index("ix_tag_evidence_expires", "expires_at", postgresql_where="expires_at IS NOT NULL"),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True, autoincrement=False)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(String(32), primary_key=True)
    """`rule:<id>`, `channel:<id>` or `hand`."""
    follower_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """0 for what did not come through an account. No foreign key: a zero stands in it."""
    first_key: Mapped[str] = mapped_column(_KEY)
    last_key: Mapped[str] = mapped_column(_KEY)
    weight: Mapped[float] = mapped_column(Float)
    half_life_s: Mapped[int | None] = mapped_column(Integer)
    first_at: Mapped[datetime] = mapped_column(Moment)
    last_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    hits: Mapped[int] = mapped_column(Integer)


class TagRemoval(Base):
    """Tags that customers lost, and why: append only. A removal by hand also bars facts from before it."""

    __tablename__ = "tag_removal"
    __table_args__ = (
        CheckConstraint("why IN ('hand', 'exclusive', 'expired', 'erased', 'joined', 'split')", name="why"),
        Index("ix_tag_removal_customer_at", "customer_id", "at"),
        Index("ix_tag_removal_hand", "customer_id", "tag_id", "at", postgresql_where="why = 'hand'"),
    )

    id: Mapped[int] = row_id()
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    why: Mapped[Why] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(Moment)
    actor: Mapped[str] = mapped_column(String(64), default="")
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class TagMirror(Base):
    """A tag that is carried to WeChat for one account. Who carries it there is compared every time, never remembered here."""

    __tablename__ = "tag_mirror"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True, autoincrement=False)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), primary_key=True, autoincrement=False, index=True)
    wechat_tag_id: Mapped[int] = mapped_column(Integer)
    """The tag on WeChat's side, as conditional menus name it."""
    members: Mapped[int] = mapped_column(Integer, default=0)
    """How many followers should carry it, when it was last compared."""
    waiting: Mapped[int] = mapped_column(Integer, default=0)
    """How many of them, or of those who should not, were still to come then."""
    skipped: Mapped[int] = mapped_column(Integer, default=0)
    """How many WeChat refused then: they have 20 tags, or left meanwhile."""
    problem: Mapped[str] = mapped_column(String(200), default="")
    synced_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    """Set when it shall be carried no longer: everybody loses it at WeChat, then the row goes."""
    created_at: Mapped[datetime] = mapped_column(Moment)


class Channel(Base):
    """Where customers come from: one QR code of one account. A retired permanent code may be given to a later channel, with its scene."""

    __tablename__ = "channel"
    __table_args__ = (
        CheckConstraint("char_length(scene) BETWEEN 1 AND 64", name="scene"),
        # 2 592 000 s: WeChat's longest temporary code.
        CheckConstraint("permanent = (life_s IS NULL) AND (life_s IS NULL OR life_s BETWEEN 60 AND 2592000)", name="life_s"),
        CheckConstraint("reassigned_to_id IS NULL OR retired_at IS NOT NULL", name="reassigned"),
        Index("uq_channel_open_scene", "account_id", "scene", unique=True, postgresql_where="retired_at IS NULL"),
        Index("uq_channel_open_name", "account_id", "name", unique=True, postgresql_where="retired_at IS NULL"),
        Index("ix_channel_scene", "account_id", "scene", "created_at"),
        Index("ix_channel_expires", "expires_at", postgresql_where="expires_at IS NOT NULL AND retired_at IS NULL"),
        Index("ix_channel_reusable", "account_id", "retired_at", postgresql_where="permanent AND retired_at IS NOT NULL"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str] = mapped_column(String(64))
    scene: Mapped[str] = mapped_column(String(64, collation="C"))
    permanent: Mapped[bool] = mapped_column(Boolean)
    life_s: Mapped[int | None] = mapped_column(Integer)
    """How long a temporary code lives; renewed before it ends."""
    welcome: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    ticket: Mapped[str | None] = mapped_column(String(255))
    """None until WeChat has made the code."""
    url: Mapped[str | None] = mapped_column(String(255))
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    retired_at: Mapped[datetime | None] = mapped_column(Moment)
    reassigned_to_id: Mapped[int | None] = mapped_column(ForeignKey("channel.id"), index=True)


class QrAllowance(Base):
    """How many permanent codes an account has used: the guarded row behind the allocator."""

    __tablename__ = "qr_allowance"
    __table_args__ = (CheckConstraint("used BETWEEN 0 AND 100000", name="used"),)

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True, autoincrement=False)
    used: Mapped[int] = mapped_column(Integer)


class ChannelTag(Base):
    """Tags that a channel gives to everybody who scans it."""

    __tablename__ = "channel_tag"

    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"), primary_key=True, autoincrement=False)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), primary_key=True, autoincrement=False, index=True)


class ChannelDay(Base):
    """Scans and follows of a channel on a day in Asia/Shanghai."""

    __tablename__ = "channel_day"
    __table_args__ = ({"postgresql_with": {"fillfactor": "50"}},)

    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"), primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    scans: Mapped[int] = mapped_column(Integer)
    follows: Mapped[int] = mapped_column(Integer)


class Touch(Base):
    """The first and the last channel a follower came through."""

    __tablename__ = "touch"
    __table_args__ = (
        Index("ix_touch_first_channel", "first_channel_id", "follower_id"),
        Index("ix_touch_last_channel", "last_channel_id", "follower_id"),
    )

    follower_id: Mapped[int] = mapped_column(ForeignKey("follower.id"), primary_key=True, autoincrement=False)
    first_channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    first_key: Mapped[str] = mapped_column(_KEY)
    first_at: Mapped[datetime] = mapped_column(Moment)
    last_channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    last_key: Mapped[str] = mapped_column(_KEY)
    last_at: Mapped[datetime] = mapped_column(Moment)


class ChannelVisit(Base):
    """Every channel a follower ever came through, with how often: what `any touch` reads."""

    __tablename__ = "channel_visit"
    __table_args__ = (Index("ix_channel_visit_follower", "follower_id"),)

    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"), primary_key=True, autoincrement=False)
    follower_id: Mapped[int] = mapped_column(ForeignKey("follower.id"), primary_key=True, autoincrement=False)
    first_at: Mapped[datetime] = mapped_column(Moment)
    last_at: Mapped[datetime] = mapped_column(Moment)
    visits: Mapped[int] = mapped_column(Integer)


class Segment(Base):
    """A named tree of conditions; `counted_at` says how old the shown count is."""

    __tablename__ = "segment"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    name: Mapped[str] = mapped_column(String(64))
    description: Mapped[str] = mapped_column(String(200), default="")
    tree: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    counted: Mapped[int | None] = mapped_column(BigInteger)
    counted_at: Mapped[datetime | None] = mapped_column(Moment)
