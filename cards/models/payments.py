"""Merchants of WeChat Pay whose payments are purchases here, and every notice that came for them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class PayMerchant(Base):
    """One merchant number: its payments are booked at one store, its payers are known by one account's openids."""

    __tablename__ = "pay_merchant"

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    mchid: Mapped[str] = mapped_column(String(32), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    api_v3_key_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    public_keys: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """WeChat Pay's public keys (PEM) by serial; two while they change."""
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(Moment)


class PayNotice(Base):
    """One notice, once: what it was about and what became of it."""

    __tablename__ = "pay_notice"
    __table_args__ = (
        UniqueConstraint("merchant_id", "notice_id"),
        CheckConstraint("state IN ('booked', 'matched', 'parked', 'ignored')", name="state"),
        CheckConstraint("(state = 'parked') = (code IS NOT NULL)", name="code"),
        Index("ix_pay_notice_transaction_id", "transaction_id"),
        Index("ix_pay_notice_out_trade_no", "out_trade_no", postgresql_where="out_trade_no IS NOT NULL"),
        Index("ix_pay_notice_payer", "payer_digest", postgresql_where="payer_digest IS NOT NULL"),
        Index("ix_pay_notice_parked", "received_at", postgresql_where="state = 'parked'"),
    )

    id: Mapped[int] = row_id()
    merchant_id: Mapped[int] = mapped_column(ForeignKey("pay_merchant.id"))
    notice_id: Mapped[str] = mapped_column(String(64))
    event_type: Mapped[str] = mapped_column(String(64))
    transaction_id: Mapped[str | None] = mapped_column(String(64))
    out_trade_no: Mapped[str | None] = mapped_column(String(64))
    refund_id: Mapped[str | None] = mapped_column(String(64))
    amount_fen: Mapped[int | None] = mapped_column(BigInteger)
    payer_digest: Mapped[str | None] = mapped_column(String(64))
    """Set while nobody is known who paid: the digest of his openid, by which the payment finds him when he opens a card."""
    state: Mapped[str] = mapped_column(String(8))
    """`booked`: a purchase or return of its own. `matched`: the till had told the order already. `parked`: somebody has to look. `ignored`."""
    code: Mapped[str | None] = mapped_column(String(32))
    """Why it is parked."""
    purchase_id: Mapped[int | None] = mapped_column(ForeignKey("purchase.id"), index=True)
    received_at: Mapped[datetime] = mapped_column(Moment)
