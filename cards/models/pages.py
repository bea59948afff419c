"""Claim pages: a name with what is shown under it, in versions that never change, and the pictures they hold."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class PageState(enum.StrEnum):
    DRAFT = "draft"
    """Never published: only a signed link shows it."""
    PUBLISHED = "published"
    CLOSED = "closed"


class ClaimPage(Base):
    """A page by its slug. What the world sees is version `live_number`; what is being worked on is `last_number`."""

    __tablename__ = "claim_page"
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'published', 'closed')", name="state"),
        CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name="slug"),
        CheckConstraint("live_number BETWEEN 1 AND last_number", name="live"),
        CheckConstraint("state <> 'published' OR live_number IS NOT NULL", name="published"),
        Index("ix_claim_page_programme_id", "programme_id", "id"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    slug: Mapped[str] = mapped_column(String(48), unique=True)
    state: Mapped[PageState] = mapped_column(String(16), default=PageState.DRAFT)
    last_number: Mapped[int] = mapped_column(Integer, default=0)
    live_number: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)


class PageVersion(Base):
    """What a page says, as it was saved; `blocks` by the schema of `cards.pages.blocks`. Append only."""

    __tablename__ = "claim_page_version"
    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("until_at > from_at", name="period"),
        UniqueConstraint("page_id", "number"),
    )

    id: Mapped[int] = row_id()
    page_id: Mapped[int] = mapped_column(ForeignKey("claim_page.id"))
    number: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(String(40))
    from_at: Mapped[datetime | None] = mapped_column(Moment)
    until_at: Mapped[datetime | None] = mapped_column(Moment)
    blocks: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    actor: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Moment)


class PagePicture(Base):
    """A picture as we encoded it, under the SHA-256 of its bytes."""

    __tablename__ = "page_picture"
    __table_args__ = (CheckConstraint("media_type IN ('image/jpeg', 'image/png')", name="media_type"),)

    id: Mapped[int] = row_id()
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    media_type: Mapped[str] = mapped_column(String(16))
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    actor: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Moment)
