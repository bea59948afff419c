"""The ledger: wallets, transactions whose entries sum to zero, lots and the moves that took from them. Append-only but for balances."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class WalletKind(enum.StrEnum):
    """What a wallet holds, in its own integer unit."""

    POINTS = "points"
    """Points."""
    VALUE = "value"
    """Stored value in fen."""


class Book(enum.StrEnum):
    """The accounts an entry may stand on. The first four belong to a wallet, the others to a business unit."""

    ACTIVE = "active"
    PENDING = "pending"
    HELD = "held"
    DEBT = "debt"
    ISSUED = "issued"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    CLEARING = "clearing"
    DONATION = "donation"


class TxnKind(enum.StrEnum):
    """Why points move. `SETTLES` below names those that enter the settlement between units."""

    EARN = "earn"
    ACTIVATE = "activate"
    SPEND = "spend"
    HOLD = "hold"
    CONFIRM = "confirm"
    RELEASE = "release"
    EXPIRE = "expire"
    TAKE_BACK = "take_back"
    """Points of a returned purchase."""
    GIVE_BACK = "give_back"
    """A returned reward: to the lots it came from."""
    TRANSFER = "transfer"
    DONATE = "donate"
    ADJUST = "adjust"
    REVERSE = "reverse"
    OPEN = "open"
    """Opening balance brought from another vendor."""


SETTLES = (TxnKind.SPEND, TxnKind.CONFIRM, TxnKind.GIVE_BACK)


class LotState(enum.StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Wallet(Base):
    """A customer's balances of one kind in one programme: the only stored totals, each equal to its entries."""

    __tablename__ = "wallet"
    __table_args__ = (
        UniqueConstraint("customer_id", "programme_id", "kind"),
        CheckConstraint("kind IN ('points', 'value')", name="kind"),
        CheckConstraint("active >= 0", name="active"),
        CheckConstraint("pending >= 0", name="pending"),
        CheckConstraint("held >= 0", name="held"),
        CheckConstraint("debt <= 0", name="debt"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    id: Mapped[int] = row_id()
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    kind: Mapped[WalletKind] = mapped_column(String(8))
    active: Mapped[int] = mapped_column(BigInteger, default=0)
    pending: Mapped[int] = mapped_column(BigInteger, default=0)
    held: Mapped[int] = mapped_column(BigInteger, default=0)
    debt: Mapped[int] = mapped_column(BigInteger, default=0)
    """At most zero: what the customer owes."""


class PointsTxn(Base):
    """One transaction. Its entries sum to zero; a correction is a new one that names the one it reverses."""

    __tablename__ = "points_txn"
    __table_args__ = (
        UniqueConstraint("kind", "business_key"),
        UniqueConstraint("reverses_id"),
        Index("ix_points_txn_posted_at", "posted_at"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    kind: Mapped[TxnKind] = mapped_column(String(16))
    business_key: Mapped[str] = mapped_column(String(160))
    """What happened outside: source and order number, coupon use, check-in day, fact key. One transaction per kind and key, for good."""
    reason: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(64))
    store_id: Mapped[int | None] = mapped_column(ForeignKey("store.id"))
    occurred_at: Mapped[datetime] = mapped_column(Moment)
    posted_at: Mapped[datetime] = mapped_column(Moment)
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("points_txn.id"))
    """Set by a whole reversal only, so an original can be reversed once."""
    corrects_id: Mapped[int | None] = mapped_column(ForeignKey("points_txn.id"), index=True)
    """The transaction that a partial or whole correction is about: their sum may not exceed it."""
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)


class PointsEntry(Base):
    """One leg. Either `wallet_id` or `business_unit_id` is set, as the book demands."""

    __tablename__ = "points_entry"
    __table_args__ = (
        CheckConstraint("amount <> 0", name="amount"),
        CheckConstraint("(wallet_id IS NULL) <> (business_unit_id IS NULL)", name="owner"),
        CheckConstraint("(book IN ('active', 'pending', 'held', 'debt')) = (wallet_id IS NOT NULL)", name="book"),
        Index("ix_points_entry_txn_id", "txn_id"),
        Index("ix_points_entry_wallet_id_id", "wallet_id", "id", postgresql_where="wallet_id IS NOT NULL"),
        Index("ix_points_entry_business_unit_id_book", "business_unit_id", "book", postgresql_where="business_unit_id IS NOT NULL"),
    )

    id: Mapped[int] = row_id()
    txn_id: Mapped[int] = mapped_column(ForeignKey("points_txn.id"))
    book: Mapped[Book] = mapped_column(String(12))
    wallet_id: Mapped[int | None] = mapped_column(ForeignKey("wallet.id"))
    business_unit_id: Mapped[int | None] = mapped_column(ForeignKey("business_unit.id"))
    amount: Mapped[int] = mapped_column(BigInteger)


class Lot(Base):
    """What one earn brought: who issued it, how much is left, from when it may be spent and until when."""

    __tablename__ = "lot"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("remaining BETWEEN 0 AND quantity", name="remaining"),
        CheckConstraint("state IN ('pending', 'active', 'expired', 'cancelled')", name="state"),
        Index("ix_lot_wallet_id_expires_at", "wallet_id", "expires_at", "id", postgresql_where="remaining > 0"),
        Index("ix_lot_due_active", "available_from", postgresql_where="state = 'pending' AND remaining > 0"),
        Index("ix_lot_due_expired", "expires_at", postgresql_where="state = 'active' AND remaining > 0"),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: Mapped[int] = row_id()
    wallet_id: Mapped[int] = mapped_column(ForeignKey("wallet.id"))
    txn_id: Mapped[int] = mapped_column(ForeignKey("points_txn.id"), index=True)
    issuing_unit_id: Mapped[int] = mapped_column(ForeignKey("business_unit.id"))
    quantity: Mapped[int] = mapped_column(BigInteger)
    remaining: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[LotState] = mapped_column(String(12))
    available_from: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)


class LotMove(Base):
    """What one transaction put into a lot (positive) or took from it (negative). A lot's remaining is the sum of its moves."""

    __tablename__ = "lot_move"
    __table_args__ = (
        CheckConstraint("amount <> 0", name="amount"),
        Index("ix_lot_move_txn_id", "txn_id"),
        Index("ix_lot_move_lot_id", "lot_id"),
    )

    id: Mapped[int] = row_id()
    lot_id: Mapped[int] = mapped_column(ForeignKey("lot.id"))
    txn_id: Mapped[int] = mapped_column(ForeignKey("points_txn.id"))
    amount: Mapped[int] = mapped_column(BigInteger)
    redeeming_unit_id: Mapped[int | None] = mapped_column(ForeignKey("business_unit.id"))
    """The unit where the points were used, for the settlement."""


class PointsHold(Base):
    """Points set aside for a till: confirmed or released, or released by itself when the time is over."""

    __tablename__ = "points_hold"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'confirmed', 'released')", name="state"),
        CheckConstraint("amount > 0", name="amount"),
        Index("ix_points_hold_open", "expires_at", postgresql_where="state = 'open'"),
    )

    id: Mapped[int] = row_id()
    txn_id: Mapped[int] = mapped_column(ForeignKey("points_txn.id"), unique=True)
    wallet_id: Mapped[int] = mapped_column(ForeignKey("wallet.id"), index=True)
    business_unit_id: Mapped[int] = mapped_column(ForeignKey("business_unit.id"))
    amount: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(12), default="open")
    expires_at: Mapped[datetime] = mapped_column(Moment)
