"""A loyalty programme: belongs to the group, honoured by its business units and stores."""

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Integer, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class ReturnPolicy(enum.StrEnum):
    """What becomes of points of a returned purchase that are already spent."""

    DEBT = "debt"
    """The customer owes them; the next earn repays first."""
    FLOOR_AT_ZERO = "floor_at_zero"
    """What is left is taken, the rest is forgiven."""
    REFUSE = "refuse"
    """The return is refused until somebody decides."""


class Expiry(enum.StrEnum):
    """When an earned lot expires."""

    NEVER = "never"
    ROLLING = "rolling"
    """At the end of the day `expiry_months` months after it was earned."""
    YEAR_END = "year_end"
    """At the end of the calendar year `expiry_months // 12` years after the year of earning."""
    FIXED_DAY = "fixed_day"
    """At the end of the next `expiry_day` (the day itself included), `expiry_months // 12` years later."""


class Programme(Base):
    __tablename__ = "programme"
    __table_args__ = (
        CheckConstraint("return_policy IN ('debt', 'floor_at_zero', 'refuse')", name="return_policy"),
        CheckConstraint("expiry IN ('never', 'rolling', 'year_end', 'fixed_day')", name="expiry"),
        CheckConstraint("(expiry = 'fixed_day') = (expiry_day IS NOT NULL)", name="expiry_day"),
        CheckConstraint("expiry_months BETWEEN 0 AND 120", name="expiry_months"),
        CheckConstraint("pending_days BETWEEN 0 AND 365", name="pending_days"),
        CheckConstraint("receipt_days BETWEEN 0 AND 365", name="receipt_days"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    return_policy: Mapped[ReturnPolicy] = mapped_column(String(16), default=ReturnPolicy.DEBT)
    expiry: Mapped[Expiry] = mapped_column(String(16), default=Expiry.ROLLING)
    expiry_months: Mapped[int] = mapped_column(Integer, default=12)
    expiry_day: Mapped[str | None] = mapped_column(String(5))
    """`MM-DD` of `fixed_day`; 29 February falls on the 28th in a year without it."""
    pending_days: Mapped[int] = mapped_column(Integer, default=7)
    """Days of the return window: points of a purchase become active when it closes."""
    receipt_days: Mapped[int] = mapped_column(Integer, default=30, server_default="30")
    """How many days after a purchase its receipt may be sent in as a photo; 0 takes none."""
    created_at: Mapped[datetime] = mapped_column(Moment)
