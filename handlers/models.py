"""The tables of this room: reply rules and menus, both data that change without a restart."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class Trigger(enum.StrEnum):
    """What a rule answers to."""

    FOLLOW = "follow"
    KEYWORD = "keyword"
    MENU = "menu"
    SCAN = "scan"
    DEFAULT = "default"


class Match(enum.StrEnum):
    """How the pattern is held against a text, a menu key or a scene."""

    EXACT = "exact"
    CONTAINS = "contains"
    REGEX = "regex"


class Records(enum.StrEnum):
    """The consent a rule puts on record when it is met."""

    GRANTED = "consent.granted"
    REVOKED = "consent.revoked"


class ReplyRule(Base):
    """One rule. The lowest priority number wins; an account's own rule goes before one of all accounts."""

    __tablename__ = "reply_rule"
    __table_args__ = (
        CheckConstraint("trigger IN ('follow', 'keyword', 'menu', 'scan', 'default')", name="trigger"),
        CheckConstraint("match IN ('exact', 'contains', 'regex')", name="match"),
        CheckConstraint("records IN ('consent.granted', 'consent.revoked')", name="records"),
        CheckConstraint("records IS NULL OR consent_version IS NOT NULL", name="consent_version"),
        CheckConstraint("reply IS NOT NULL OR records IS NOT NULL", name="says_or_records"),
        CheckConstraint("trigger IN ('follow', 'scan', 'default') OR pattern <> ''", name="pattern"),
        Index("ix_reply_rule_account_id", "account_id"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    """The account the rule speaks for; NULL for all."""
    trigger: Mapped[Trigger] = mapped_column(String(16))
    match: Mapped[Match] = mapped_column(String(16), default=Match.EXACT)
    pattern: Mapped[str] = mapped_column(String(256), default="")
    """The keyword, the menu key or the scene; empty for every scene, every follow, every message without an answer."""
    reply: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    records: Mapped[Records | None] = mapped_column(String(32))
    consent_version: Mapped[str | None] = mapped_column(String(32))
    """Which wording the person agreed to or took back."""
    priority: Mapped[int] = mapped_column(Integer, default=100)
    enabled: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)


class Menu(Base):
    """A menu as it should be on WeChat's side: the default one of an account, or one for the people of a WeChat tag."""

    __tablename__ = "menu"
    __table_args__ = (UniqueConstraint("account_id", "wechat_tag_id", postgresql_nulls_not_distinct=True),)

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    wechat_tag_id: Mapped[int | None] = mapped_column(Integer)
    """The tag on WeChat's side that a conditional menu is for; NULL for the default menu."""
    buttons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    changed_at: Mapped[datetime] = mapped_column(Moment)
    pushed_at: Mapped[datetime | None] = mapped_column(Moment)
    pushed_digest: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of the buttons WeChat was given last."""
    pushed_menu_id: Mapped[str | None] = mapped_column(String(32))
    """WeChat's own id of a conditional menu, needed to take it down."""
