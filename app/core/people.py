"""The people who work here: staff, departments and positions, the devices they stand at, their sessions and their shifts."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class Role(enum.StrEnum):
    """What somebody is at a place. `app.core.gate` says which rights each one carries."""

    CLERK = "clerk"
    SUPERVISOR = "supervisor"
    MANAGER = "manager"
    MARKETER = "marketer"
    FINANCE = "finance"
    ADMIN = "admin"


class Staff(Base):
    """One person who works for the group. The name is what customers read on his badge; the phone tells that he is a member himself."""

    __tablename__ = "staff"
    __table_args__ = (
        CheckConstraint("login = lower(login)", name="login"),
        CheckConstraint("phone_sealed IS NOT NULL OR (phone_lookup IS NULL AND phone_lookup_next IS NULL)", name="phone_lookup"),
        Index("ix_staff_phone_lookup", "phone_lookup", postgresql_where="phone_lookup IS NOT NULL"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    login: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(32))
    password_hash: Mapped[str] = mapped_column(String(200))
    totp_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_step: Mapped[int] = mapped_column(BigInteger, default=0)
    """The newest time step whose code was accepted: a code is good once."""
    phone_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_lookup: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_lookup_next: Mapped[bytes | None] = mapped_column(LargeBinary)
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    wechat_digest: Mapped[str | None] = mapped_column(String(64), unique=True)
    """SHA-256 over the website application's appid and his openid there, hex: random input, so it needs no key, and the openid is not kept."""
    wechat_bound_at: Mapped[datetime | None] = mapped_column(Moment)


class Department(Base):
    """A part of one store: cosmetics, shoes, the service desk."""

    __tablename__ = "department"
    __table_args__ = (UniqueConstraint("store_id", "code"),)

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    code: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(Moment)


class Position(Base):
    """A role in one department, at one store, at every store of one business unit, or (none given) in the whole group."""

    __tablename__ = "staff_position"
    __table_args__ = (
        CheckConstraint("role IN ('clerk', 'supervisor', 'manager', 'marketer', 'finance', 'admin')", name="role"),
        CheckConstraint("num_nonnulls(business_unit_id, store_id, department_id) <= 1", name="place"),
        UniqueConstraint(
            "staff_id",
            "business_unit_id",
            "store_id",
            "department_id",
            "role",
            name="uq_staff_position_place",
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_staff_position_store_id", "store_id"),
        Index("ix_staff_position_department_id", "department_id"),
    )

    id: Mapped[int] = row_id()
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    business_unit_id: Mapped[int | None] = mapped_column(ForeignKey("business_unit.id"))
    store_id: Mapped[int | None] = mapped_column(ForeignKey("store.id"))
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))
    role: Mapped[Role] = mapped_column(String(16))
    given_at: Mapped[datetime] = mapped_column(Moment)


class Device(Base):
    """A phone or till that was paired with one store. Its token is known to the device alone; we keep the hash."""

    __tablename__ = "device"
    __table_args__ = (
        CheckConstraint("(paired_at IS NULL) = (token_hash IS NULL)", name="paired"),
        Index("ix_device_store_id", "store_id"),
        Index("ix_device_department_id", "department_id"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))
    """Where in the store it stands; None at a counter that serves the whole store."""
    name: Mapped[str] = mapped_column(String(32))
    pair_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    """SHA-256 of the code that pairs it; gone once it was used."""
    pair_until: Mapped[datetime] = mapped_column(Moment)
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    paired_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    seen_at: Mapped[datetime | None] = mapped_column(Moment)
    """When it last asked for something, to the minute."""


class StaffSession(Base):
    """One log-in at one device. The token is random and known to the browser alone."""

    __tablename__ = "staff_session"
    __table_args__ = (Index("ix_staff_session_staff_id", "staff_id"), Index("ix_staff_session_expires_at", "expires_at"))

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)


class ScanPurpose(enum.StrEnum):
    """What a scan with WeChat is for."""

    LOG_IN = "log_in"
    BIND = "bind"


class StaffScan(Base):
    """One QR code that was asked for at a device: good once, for a few minutes, in the browser that asked."""

    __tablename__ = "staff_scan"
    __table_args__ = (
        CheckConstraint("purpose IN ('log_in', 'bind')", name="purpose"),
        CheckConstraint("purpose = 'log_in' OR (staff_id IS NOT NULL AND by_session_id IS NOT NULL)", name="bind"),
        CheckConstraint("used_at IS NULL OR claimed_at IS NOT NULL", name="used_at"),
        Index("ix_staff_scan_expires_at", "expires_at"),
    )

    id: Mapped[int] = row_id()
    state_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256 of the word WeChat brings back."""
    browser_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256 of the cookie only the asking browser has."""
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    purpose: Mapped[ScanPurpose] = mapped_column(String(8))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Who is to be bound, or (once he scanned) who wants in and still owes a second proof."""
    by_session_id: Mapped[int | None] = mapped_column(ForeignKey("staff_session.id"))
    """The log-in of whoever has the right to bind him."""
    created_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    claimed_at: Mapped[datetime | None] = mapped_column(Moment)
    """When WeChat's word came back: it counts once, whatever came of it."""
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class Tries(Base):
    """How often something was tried in the running window: the row is raised before the try is looked at, so parallel guesses do not slip through."""

    __tablename__ = "tries"
    __table_args__ = ({"postgresql_with": {"fillfactor": "70"}},)

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    until: Mapped[datetime] = mapped_column(Moment, index=True)
    """When the window ends and counting begins anew."""


class Shift(Base):
    """One person's turn at one store: from his log-in until he hands over, with the totals he handed over."""

    __tablename__ = "shift"
    __table_args__ = (
        Index("ix_shift_open", "staff_id", "store_id", unique=True, postgresql_where="closed_at IS NULL"),
        Index("ix_shift_store_id_opened_at", "store_id", "opened_at"),
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    store_id: Mapped[int] = mapped_column(ForeignKey("store.id"))
    opened_at: Mapped[datetime] = mapped_column(Moment)
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    totals: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
