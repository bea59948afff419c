"""What points are worth at the till, what top-ups add, and what a customer confirms before it is taken from his balance."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


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


class ValueTerms(Base):
    """From what amount on a payment from the balance needs the customer himself; without a row, `cards.value_consent.CONFIRM_OVER_FEN`."""

    __tablename__ = "value_terms"
    __table_args__ = (CheckConstraint("confirm_over_fen >= 0", name="confirm_over_fen"),)

    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    confirm_over_fen: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[datetime] = mapped_column(Moment)


class ValueConsent(Base):
    """A till asks a customer on his phone whether it may take an amount from his balance; he answers once, and it is used once."""

    __tablename__ = "value_consent"
    __table_args__ = (
        CheckConstraint("state IN ('asked', 'agreed', 'declined', 'used')", name="state"),
        CheckConstraint("amount_fen > 0", name="amount_fen"),
        Index("ix_value_consent_asked", "customer_id", postgresql_where="state = 'asked'"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    client_id: Mapped[str] = mapped_column(String(64))
    """The till that asked; nobody else can use the answer."""
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(8), default="asked")
    asked_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
