"""Earning rules with their dated versions, what each has awarded, and how much of its caps is used."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, Integer, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class EarningGroup(Base):
    """Rules that compete: of those in one group that would award something, the first, the best or all do."""

    __tablename__ = "earning_group"
    __table_args__ = (UniqueConstraint("programme_id", "name"), CheckConstraint("pick IN ('first', 'best', 'all')", name="pick"))

    id: Mapped[int] = row_id()
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    name: Mapped[str] = mapped_column(String(32))
    pick: Mapped[str] = mapped_column(String(8))


class EarningRule(Base):
    """One rule by its name. What it says stands in its versions, so that an old order earns by the rule of its day."""

    __tablename__ = "earning_rule"
    __table_args__ = (UniqueConstraint("programme_id", "name"),)

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    name: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    """The plug-in of `cards/earning`."""
    group_id: Mapped[int | None] = mapped_column(ForeignKey("earning_group.id"))
    """Without a group a rule competes with nobody."""
    priority: Mapped[int] = mapped_column(Integer, default=100)
    """The lower number goes first."""
    business_unit_id: Mapped[int | None] = mapped_column(ForeignKey("business_unit.id"))
    """Who owes the points where no order says it: check-ins, birthdays, referrals."""


class EarningVersion(Base):
    """What a rule says between two moments. The periods of one rule do not overlap; a rule without a current version rests."""

    __tablename__ = "earning_version"
    __table_args__ = (
        UniqueConstraint("rule_id", "number"),
        UniqueConstraint("rule_id", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="valid_to"),
    )

    id: Mapped[int] = row_id()
    rule_id: Mapped[int] = mapped_column(ForeignKey("earning_rule.id"))
    number: Mapped[int] = mapped_column(Integer)
    valid_from: Mapped[datetime] = mapped_column(Moment)
    valid_to: Mapped[datetime | None] = mapped_column(Moment)
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    caps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)


class EarningUse(Base):
    """How much of a cap is used: a guarded row per rule, customer (0 for the rule as a whole) and window."""

    __tablename__ = "earning_use"
    __table_args__ = (
        CheckConstraint("points >= 0", name="points"),
        CheckConstraint("times >= 0", name="times"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    rule_id: Mapped[int] = mapped_column(ForeignKey("earning_rule.id"), primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    span: Mapped[str] = mapped_column(String(16), primary_key=True)
    """`day:2026-11-22`, `week:2026-47`, `month:2026-11`, `year:2026` (Asia/Shanghai) or `ever`."""
    points: Mapped[int] = mapped_column(BigInteger, default=0)
    times: Mapped[int] = mapped_column(Integer, default=0)


class EarningAward(Base):
    """What one rule awarded for one occasion, and how the points spread over the order's lines."""

    __tablename__ = "earning_award"
    __table_args__ = (
        UniqueConstraint("txn_id"),
        CheckConstraint("points > 0", name="points"),
        CheckConstraint("taken_back BETWEEN 0 AND points", name="taken_back"),
        Index("ix_earning_award_purchase_id", "purchase_id", postgresql_where="purchase_id IS NOT NULL"),
        Index("ix_earning_award_customer_id", "customer_id"),
        Index("ix_earning_award_version_id", "version_id"),
    )

    id: Mapped[int] = row_id()
    version_id: Mapped[int] = mapped_column(ForeignKey("earning_version.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    purchase_id: Mapped[int | None] = mapped_column(ForeignKey("purchase.id"))
    txn_id: Mapped[int] = mapped_column(ForeignKey("points_txn.id"))
    points: Mapped[int] = mapped_column(BigInteger)
    taken_back: Mapped[int] = mapped_column(BigInteger, default=0)
    shares: Mapped[dict[str, int]] = mapped_column(JSONB, default=dict)
    """Points by line number; they sum to `points`."""
    spans: Mapped[list[str]] = mapped_column(JSONB, default=list)
    """The spans whose caps this award used: a return gives its part back to them."""


class CheckIn(Base):
    """A customer's check-in of one day (Asia/Shanghai) and the days in a row that it made."""

    __tablename__ = "check_in"
    __table_args__ = (CheckConstraint("streak > 0", name="streak"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    streak: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(Moment)
