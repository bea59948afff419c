"""What points are worth at the till and what top-ups add, by programme."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment


class TillTerms(Base):
    """How points pay; without a row they do not."""

    __tablename__ = "till_terms"

    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    terms: Mapped[dict[str, Any]] = mapped_column(JSONB)
    changed_at: Mapped[datetime] = mapped_column(Moment)


class BonusLadder(Base):
    """What a top-up of stored value adds; without a row nothing."""

    __tablename__ = "bonus_ladder"

    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    rungs: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    changed_at: Mapped[datetime] = mapped_column(Moment)
