"""The nouns every room shares: business units, stores, accounts, customers, followers, consents and the audit."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class AccountKind(enum.StrEnum):
    """What WeChat calls 服务号, 订阅号 and 小程序."""

    SERVICE = "service"
    SUBSCRIPTION = "subscription"
    MINI = "mini"


class Mode(enum.StrEnum):
    """How a webhook's bodies are protected; pinned per account, never chosen by the request."""

    PLAIN = "plain"
    COMPATIBLE = "compatible"
    SAFE = "safe"


class Retention(enum.StrEnum):
    """What an un-follow does to the account's data about the follower."""

    ERASE = "erase"
    KEEP = "keep"


class BusinessUnit(Base):
    __tablename__ = "business_unit"

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)


class Store(Base):
    __tablename__ = "store"
    __table_args__ = (UniqueConstraint("business_unit_id", "code"),)

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    business_unit_id: Mapped[int] = mapped_column(ForeignKey("business_unit.id"))
    code: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(64))


class Account(Base):
    """One official account or mini program. Its secret, token and AES key are sealed (`app.core.accounts` opens them)."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("kind IN ('service', 'subscription', 'mini')", name="kind"),
        CheckConstraint("mode IN ('plain', 'compatible', 'safe')", name="mode"),
        CheckConstraint("retention IN ('erase', 'keep')", name="retention"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    appid: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(64))
    kind: Mapped[AccountKind] = mapped_column(String(16))
    mode: Mapped[Mode] = mapped_column(String(16))
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    token_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    aes_key_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    retention: Mapped[Retention] = mapped_column(String(16), default=Retention.ERASE)
    client_msg_id_trusted: Mapped[bool] = mapped_column(Boolean, default=False)
    priority: Mapped[int] = mapped_column(Integer, default=100)
    """Which account speaks when a person follows several and nothing else decides: the lower number."""
    per_second: Mapped[int] = mapped_column(Integer, default=400)
    per_minute: Mapped[int] = mapped_column(Integer, default=20_000)
    per_day: Mapped[int] = mapped_column(Integer, default=100_000)
    created_at: Mapped[datetime] = mapped_column(Moment)


class Customer(Base):
    """One person as the group knows him. Personal fields are sealed; a look-up hash never stands without its ciphertext."""

    __tablename__ = "customer"
    __table_args__ = (
        CheckConstraint("phone_sealed IS NOT NULL OR (phone_lookup IS NULL AND phone_lookup_next IS NULL)", name="phone_lookup"),
        CheckConstraint("email_sealed IS NOT NULL OR (email_lookup IS NULL AND email_lookup_next IS NULL)", name="email_lookup"),
        Index("ix_customer_phone_lookup", "phone_lookup", postgresql_where="phone_lookup IS NOT NULL"),
        Index("ix_customer_phone_lookup_next", "phone_lookup_next", postgresql_where="phone_lookup_next IS NOT NULL"),
        Index("ix_customer_email_lookup", "email_lookup", postgresql_where="email_lookup IS NOT NULL"),
        Index("ix_customer_email_lookup_next", "email_lookup_next", postgresql_where="email_lookup_next IS NOT NULL"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    erased_at: Mapped[datetime | None] = mapped_column(Moment)
    joined_into_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"), index=True)
    """Set when consent joined this customer into an older one; nothing points here any more."""
    name_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_lookup: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_lookup_next: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_lookup: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_lookup_next: Mapped[bytes | None] = mapped_column(LargeBinary)
    address_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)


class Follower(Base):
    """One person on one account. `openid_digest` outlives erasure so that an older event is recognised; the openid does not."""

    __tablename__ = "follower"
    __table_args__ = (
        UniqueConstraint("account_id", "openid_digest"),
        CheckConstraint("state IN ('following', 'gone', 'unknown')", name="state"),
        Index("ix_follower_unionid", "unionid", postgresql_where="unionid IS NOT NULL"),
        Index(
            "ix_follower_stranger", "account_id", "id", postgresql_where="synced_at IS NULL AND openid IS NOT NULL AND state = 'following'"
        ),
    )

    id: Mapped[int] = row_id()
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    openid: Mapped[str | None] = mapped_column(String(64))
    openid_digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 over appid and openid, hex: random input, so it needs no key and survives erasure."""
    unionid: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), default="unknown")
    state_at: Mapped[datetime | None] = mapped_column(Moment)
    """`occurred_at` of what set the state; an older event does not change it."""
    subscribed_at: Mapped[datetime | None] = mapped_column(Moment)
    subscribe_scene: Mapped[str | None] = mapped_column(String(48))
    last_interaction_at: Mapped[datetime | None] = mapped_column(Moment)
    synced_at: Mapped[datetime | None] = mapped_column(Moment)
    """When `user/info` was last read for this follower."""
    erased_at: Mapped[datetime | None] = mapped_column(Moment)
    join_revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    """When he last withdrew his consent to be joined with his other accounts: a no outlives the erasure of what it was said in."""
    created_at: Mapped[datetime] = mapped_column(Moment)


class Consent(Base):
    """Express consent of the person behind a unionid; without a live row two accounts' followers stay two customers."""

    __tablename__ = "consent"
    __table_args__ = (UniqueConstraint("unionid_digest", "purpose", "granted_at"),)

    id: Mapped[int] = row_id()
    unionid_digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the unionid, hex: the record of a consent outlives the erasure of the person's other data."""
    purpose: Mapped[str] = mapped_column(String(32))
    """`join_accounts`: the data of several accounts may be read as one customer."""
    version: Mapped[str] = mapped_column(String(32))
    source: Mapped[str] = mapped_column(String(64))
    granted_at: Mapped[datetime] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)


class ConsentWithdrawal(Base):
    """The last withdrawal of the person behind a unionid: no consent given before it lives, however late that one is heard of."""

    __tablename__ = "consent_withdrawal"

    unionid_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The pseudonym of `Consent`; nothing here leads to a person who was erased."""
    purpose: Mapped[str] = mapped_column(String(32), primary_key=True)
    revoked_at: Mapped[datetime] = mapped_column(Moment)


class AuditEntry(Base):
    """Who changed what, when: append only."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_object", "object_type", "object_id"),)

    id: Mapped[int] = row_id()
    at: Mapped[datetime] = mapped_column(Moment, index=True)
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    object_type: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(String(64))
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
