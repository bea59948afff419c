"""Member cards: one open card per customer and programme, how it was opened, its mirror at WeChat, and the opening gift."""

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class CardPath(enum.StrEnum):
    """How a card was opened."""

    H5 = "h5"
    QR = "qr"
    ONE_TAP = "one_tap"
    """By one-tap activation of the WeChat card."""
    CLERK = "clerk"
    MINI = "mini"
    IMPORT = "import"


class CardState(enum.StrEnum):
    ACTIVE = "active"
    MERGED = "merged"
    """Its customer was joined with another who has a card too; the number still leads to that one."""


class MemberCard(Base):
    """A customer's membership in a programme. `number` has 16 digits, the last one Luhn's check digit."""

    __tablename__ = "member_card"
    __table_args__ = (
        CheckConstraint("opened_by IN ('h5', 'qr', 'one_tap', 'clerk', 'mini', 'import')", name="opened_by"),
        CheckConstraint("state IN ('active', 'merged')", name="state"),
        CheckConstraint("number ~ '^[0-9]{16}$'", name="number"),
        CheckConstraint("(mirror_id IS NULL) = (mirror_code IS NULL)", name="mirror"),
        CheckConstraint(
            "birthday_sealed IS NOT NULL OR (birthday_lookup IS NULL AND birthday_lookup_next IS NULL)", name="birthday_lookup"
        ),
        Index("ix_member_card_birthday_lookup", "birthday_lookup", "id", postgresql_where="birthday_lookup IS NOT NULL"),
        Index("ix_member_card_birthday_lookup_next", "birthday_lookup_next", "id", postgresql_where="birthday_lookup_next IS NOT NULL"),
        # One card per customer and programme; what was merged away stays readable beside it.
        Index("uq_member_card_customer_id_programme_id", "customer_id", "programme_id", unique=True, postgresql_where="state = 'active'"),
        Index("ix_member_card_due", "tier_until", "customer_id", postgresql_where="state = 'active' AND tier_until IS NOT NULL"),
        Index("ix_member_card_programme_id_customer_id", "programme_id", "customer_id", postgresql_where="state = 'active'"),
        Index("uq_member_card_mirror", "mirror_id", "mirror_code", unique=True, postgresql_where="mirror_id IS NOT NULL"),
        Index("ix_member_card_tier_id", "tier_id"),
        Index("ix_member_card_store_id_opened_at", "store_id", "opened_at", postgresql_where="store_id IS NOT NULL"),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    number: Mapped[str] = mapped_column(String(16), unique=True)
    state: Mapped[CardState] = mapped_column(String(8), default=CardState.ACTIVE)
    opened_at: Mapped[datetime] = mapped_column(Moment)
    opened_by: Mapped[CardPath] = mapped_column(String(8))
    store_id: Mapped[int | None] = mapped_column(ForeignKey("store.id"))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Who recruited the member, when a clerk did."""
    tier_id: Mapped[int | None] = mapped_column(ForeignKey("tier.id"))
    tier_since: Mapped[datetime | None] = mapped_column(Moment)
    tier_until: Mapped[datetime | None] = mapped_column(Moment)
    """When the period ends in which the tier is safe, or when an override ends; None for a tier that nobody loses."""
    mirror_id: Mapped[int | None] = mapped_column(ForeignKey("card_mirror.id"))
    mirror_code: Mapped[str | None] = mapped_column(String(32))
    """The code of this member's card in his WeChat wallet."""
    shown_points: Mapped[int | None] = mapped_column(BigInteger)
    """What the mirror was last told; None when it must be told anew."""
    shown_value_fen: Mapped[int | None] = mapped_column(BigInteger)
    birthday_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """`MM-DD`, without the year: the day is for wishes, the age is nobody's business."""
    birthday_lookup: Mapped[bytes | None] = mapped_column(LargeBinary)
    birthday_lookup_next: Mapped[bytes | None] = mapped_column(LargeBinary)


class OpeningGift(Base):
    """What a programme gives for opening a card: points that are there at once, issued by one unit. They do not count towards a tier."""

    __tablename__ = "opening_gift"
    __table_args__ = (CheckConstraint("points > 0", name="points"),)

    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    points: Mapped[int] = mapped_column(BigInteger)
    business_unit_id: Mapped[int] = mapped_column(ForeignKey("business_unit.id"))
    changed_at: Mapped[datetime] = mapped_column(Moment)


class CardMirror(Base):
    """Where a programme's cards are shown at WeChat: one account's card product, spoken to by one adapter of `app.wechat.cards`."""

    __tablename__ = "card_mirror"
    __table_args__ = (UniqueConstraint("programme_id", "account_id"), UniqueConstraint("account_id", "card_id"))

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    adapter: Mapped[str] = mapped_column(String(32))
    card_id: Mapped[str | None] = mapped_column(String(64))
    """The platform's id of the kind of card; None where the adapter has none."""
    shows_value: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether stored value is shown too: a right of its own at the platform."""
    created_at: Mapped[datetime] = mapped_column(Moment)


class ImportRun(Base):
    """One file brought from another vendor: what it holds, what the trial found, and how far the real run has come."""

    __tablename__ = "import_run"
    __table_args__ = (
        CheckConstraint("state IN ('tried', 'running', 'done')", name="state"),
        UniqueConstraint("programme_id", "digest"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    vendor: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 over vendor and all the files, hex: only what was tried is run."""
    state: Mapped[str] = mapped_column(String(8))
    members: Mapped[int] = mapped_column(Integer)
    points: Mapped[int] = mapped_column(BigInteger)
    value_fen: Mapped[int] = mapped_column(BigInteger)
    done: Mapped[int] = mapped_column(Integer, default=0)
    tried_at: Mapped[datetime] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)


class OldCardNumber(Base):
    """A number on another vendor's card that is none of ours: it still finds its member. Sealed, and found by its keyed hash."""

    __tablename__ = "old_card_number"
    __table_args__ = (
        UniqueConstraint("programme_id", "number_lookup"),
        Index("ix_old_card_number_number_lookup_next", "number_lookup_next", postgresql_where="number_lookup_next IS NOT NULL"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    card_id: Mapped[int] = mapped_column(ForeignKey("member_card.id"), index=True)
    number_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    number_lookup: Mapped[bytes] = mapped_column(LargeBinary)
    number_lookup_next: Mapped[bytes | None] = mapped_column(LargeBinary)


class ImportedMember(Base):
    """A member of another vendor's system by his id there: brought once, for good."""

    __tablename__ = "imported_member"
    __table_args__ = (UniqueConstraint("programme_id", "vendor", "external_id"),)

    id: Mapped[int] = row_id()
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    vendor: Mapped[str] = mapped_column(String(32))
    external_id: Mapped[str] = mapped_column(String(64))
    card_id: Mapped[int] = mapped_column(ForeignKey("member_card.id"), index=True)
    imported_at: Mapped[datetime] = mapped_column(Moment)
