"""What members want to hear and where: wishes by topic and channel, and the consent behind an e-mail address."""

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment

TOPICS = ("expiry", "greeting", "tier")
"""Points, coupons and tiers that end; birthdays, anniversaries and festivals; a new tier."""
SPEAKING = ("service", "email")
"""The channels a member can say no to. The badge on his own card page tells nobody but him."""


class ContactWish(Base):
    """A word of a member about one topic on one channel. Without a row he wants it."""

    __tablename__ = "contact_wish"
    __table_args__ = (
        CheckConstraint("topic IN ('expiry', 'greeting', 'tier')", name="topic"),
        CheckConstraint("channel IN ('service', 'email')", name="channel"),
    )

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    topic: Mapped[str] = mapped_column(String(8), primary_key=True)
    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    wanted: Mapped[bool] = mapped_column(Boolean)
    changed_at: Mapped[datetime] = mapped_column(Moment)


class EmailConsent(Base):
    """The consent to write to a customer's address. It counts once the address itself has confirmed it, until it is taken back."""

    __tablename__ = "email_consent"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    version: Mapped[str] = mapped_column(String(16))
    """Of the notice he read."""
    asked_at: Mapped[datetime] = mapped_column(Moment)
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
