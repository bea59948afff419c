"""Settlement between business units: the price of a point by pair, and months that are closed for good."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Integer, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class SettlementPair(Base):
    """What a point issued by one unit and used at another costs whom, from a day on."""

    __tablename__ = "settlement_pair"
    __table_args__ = (
        UniqueConstraint("programme_id", "issuing_unit_id", "redeeming_unit_id", "valid_from"),
        CheckConstraint("price_microfen BETWEEN 0 AND 1000000000000", name="price_microfen"),
        CheckConstraint("rule IN ('group_bears', 'issuer_pays', 'share')", name="rule"),
        CheckConstraint("issuer_percent BETWEEN 0 AND 100", name="issuer_percent"),
    )

    id: Mapped[int] = row_id()
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    issuing_unit_id: Mapped[int] = mapped_column(ForeignKey("business_unit.id"))
    redeeming_unit_id: Mapped[int] = mapped_column(ForeignKey("business_unit.id"))
    price_microfen: Mapped[int] = mapped_column(BigInteger)
    """Millionths of a fen per point."""
    rule: Mapped[str] = mapped_column(String(16))
    issuer_percent: Mapped[int] = mapped_column(Integer, default=100)
    """For `share`: the part the issuer pays; the group bears the rest."""
    valid_from: Mapped[str] = mapped_column(String(7))
    """The first month it holds for, `YYYY-MM`."""


class SettlementPeriod(Base):
    """A closed month. Its matrix is frozen here; what is posted later falls into the month that is open then."""

    __tablename__ = "settlement_period"
    __table_args__ = (UniqueConstraint("programme_id", "month"),)

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    month: Mapped[str] = mapped_column(String(7))
    closed_at: Mapped[datetime] = mapped_column(Moment)
    closed_by: Mapped[str] = mapped_column(String(64))
    matrix: Mapped[dict[str, Any]] = mapped_column(JSONB)
