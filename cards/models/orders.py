"""Purchases as the tills and malls report them, their lines, their returns, and the goods a unit is known to sell."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id

RECEIPT = "receipt"
"""A receipt that a customer photographed and a clerk approved, of a purchase nobody else told."""
SOURCES = ("pos", "mall", "tmall", "jd", "app", "wechat_pay", RECEIPT)


class Sku(Base):
    """One article a business unit sells. A unit that keeps a list refuses orders with anything else."""

    __tablename__ = "sku"
    __table_args__ = (UniqueConstraint("business_unit_id", "code"),)

    id: Mapped[int] = row_id()
    business_unit_id: Mapped[int] = mapped_column(ForeignKey("business_unit.id"))
    code: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(128))
    category: Mapped[str] = mapped_column(String(64), default="")
    active: Mapped[bool] = mapped_column(Boolean, default=True)


class Purchase(Base):
    """One order. Without a customer it waits under the phone's look-up hash, whose ciphertext stands beside it, until he appears."""

    __tablename__ = "purchase"
    __table_args__ = (
        UniqueConstraint("source", "order_no"),
        CheckConstraint("source IN ('pos', 'mall', 'tmall', 'jd', 'app', 'wechat_pay', 'receipt')", name="source"),
        CheckConstraint("total_fen >= 0", name="total_fen"),
        CheckConstraint("replaced_by_id <> id", name="replaced_by"),
        CheckConstraint("phone_sealed IS NOT NULL OR (phone_lookup IS NULL AND phone_lookup_next IS NULL)", name="phone_lookup"),
        Index("ix_purchase_customer_id_paid_at", "customer_id", "paid_at", postgresql_where="customer_id IS NOT NULL"),
        Index("ix_purchase_waiting", "phone_lookup", postgresql_where="customer_id IS NULL AND phone_lookup IS NOT NULL"),
        Index("ix_purchase_waiting_next", "phone_lookup_next", postgresql_where="customer_id IS NULL AND phone_lookup_next IS NOT NULL"),
        Index("ix_purchase_store_id_paid_at", "store_id", "paid_at"),
        Index("ix_purchase_slip_key", "store_id", "slip_key", postgresql_where="slip_key IS NOT NULL"),
        Index("ix_purchase_wechat", "store_id", "total_fen", "paid_at", postgresql_where="pay_method = 'wechat_pay'"),
        Index("ix_purchase_pay_transaction_id", "pay_transaction_id", postgresql_where="pay_transaction_id IS NOT NULL"),
        Index("ix_purchase_pay_trade_no", "pay_trade_no", postgresql_where="pay_trade_no IS NOT NULL"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    source: Mapped[str] = mapped_column(String(16))
    order_no: Mapped[str] = mapped_column(String(64))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    phone_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_lookup: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_lookup_next: Mapped[bytes | None] = mapped_column(LargeBinary)
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    business_unit_id: Mapped[int] = mapped_column(ForeignKey("business_unit.id"))
    terminal: Mapped[str | None] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(64))
    paid_at: Mapped[datetime] = mapped_column(Moment)
    booked_at: Mapped[datetime] = mapped_column(Moment)
    total_fen: Mapped[int] = mapped_column(BigInteger)
    """What was paid: the sum over the lines of amount less discount."""
    pay_method: Mapped[str | None] = mapped_column(String(16))
    pay_transaction_id: Mapped[str | None] = mapped_column(String(64))
    pay_trade_no: Mapped[str | None] = mapped_column(String(64))
    """How it was paid, as far as the till told; by WeChat Pay's numbers it finds its notice, or the notice finds it."""
    replaced_by_id: Mapped[int | None] = mapped_column(ForeignKey("purchase.id"))
    """A payment that booked itself before the till told its order: that order stands in its place, and it counts for nothing."""
    slip_key: Mapped[str | None] = mapped_column(String(64))
    """Its number as everybody means it, by which a customer's receipt finds it; see `cards.slips`."""
    content_hash: Mapped[str] = mapped_column(String(64))
    """SHA-256 over everything the order said but the phone: the same number with other content is refused."""


class PurchaseLine(Base):
    """One line. `amount_fen` is its price before, `discount_fen` the part that coupons and points paid."""

    __tablename__ = "purchase_line"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("amount_fen >= 0", name="amount_fen"),
        CheckConstraint("discount_fen BETWEEN 0 AND amount_fen", name="discount_fen"),
        CheckConstraint("returned_qty BETWEEN 0 AND quantity", name="returned_qty"),
    )

    purchase_id: Mapped[int] = mapped_column(ForeignKey("purchase.id"), primary_key=True)
    line_no: Mapped[int] = mapped_column(Integer, primary_key=True)
    sku: Mapped[str] = mapped_column(String(64))
    category: Mapped[str] = mapped_column(String(64))
    quantity: Mapped[int] = mapped_column(Integer)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    discount_fen: Mapped[int] = mapped_column(BigInteger)
    is_reward: Mapped[bool] = mapped_column(Boolean)
    returned_qty: Mapped[int] = mapped_column(Integer, default=0)


class PurchaseReturn(Base):
    """Goods that came back, once per return number."""

    __tablename__ = "purchase_return"
    __table_args__ = (UniqueConstraint("source", "return_no"), Index("ix_purchase_return_purchase_id", "purchase_id"))

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    purchase_id: Mapped[int] = mapped_column(ForeignKey("purchase.id"))
    source: Mapped[str] = mapped_column(String(16))
    return_no: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(64))
    returned_at: Mapped[datetime] = mapped_column(Moment)
    booked_at: Mapped[datetime] = mapped_column(Moment)
    refund_fen: Mapped[int] = mapped_column(BigInteger)
    content_hash: Mapped[str] = mapped_column(String(64))


class PurchaseReturnLine(Base):
    """How many of a line came back with this return, and how many had come back before it."""

    __tablename__ = "purchase_return_line"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"), CheckConstraint("before_qty >= 0", name="before_qty"))

    return_id: Mapped[int] = mapped_column(ForeignKey("purchase_return.id"), primary_key=True)
    line_no: Mapped[int] = mapped_column(Integer, primary_key=True)
    quantity: Mapped[int] = mapped_column(Integer)
    before_qty: Mapped[int] = mapped_column(Integer)
