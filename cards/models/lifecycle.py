"""The stages of a customer's life with a programme, from prospect to lost, and the stage each customer is in."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class LifecycleStage(Base):
    """One stage: a customer is in the first one, by rank, whose conditions all hold for him."""

    __tablename__ = "lifecycle_stage"
    __table_args__ = (
        UniqueConstraint("programme_id", "rank"),
        UniqueConstraint("programme_id", "name"),
        CheckConstraint("rank BETWEEN 0 AND 99", name="rank"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    rank: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(32))
    name_en: Mapped[str] = mapped_column(String(32), default="")
    conditions: Mapped[dict[str, Any]] = mapped_column(JSONB)


class CustomerLifecycle(Base):
    """The stage a customer is in, and since when. No row: the night has not seen him, or no stage fits him."""

    __tablename__ = "customer_lifecycle"
    __table_args__ = (Index("ix_customer_lifecycle_stage_id", "stage_id", "customer_id"), {"postgresql_with": {"fillfactor": "80"}})

    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    stage_id: Mapped[int] = mapped_column(ForeignKey("lifecycle_stage.id"))
    since: Mapped[datetime] = mapped_column(Moment)


class FestivalDay(Base):
    """A day on which a programme greets its members."""

    __tablename__ = "festival_day"

    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    words: Mapped[str] = mapped_column(String(100))
    words_en: Mapped[str] = mapped_column(String(200), default="")
