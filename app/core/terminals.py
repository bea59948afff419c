"""The terminal check: which devices were paired with which store, when each was last seen, and which are cut off."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.core.nouns import Store
from app.core.people import Department, Device


@dataclass(frozen=True, slots=True)
class Terminal:
    """One device. `state`: offered (its code waits), lapsed (the code ran out), paired, cut_off."""

    id: UUID
    name: str
    store: str
    store_name: str
    department: str
    state: str
    paired_at: datetime | None
    seen_at: datetime | None
    revoked_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """For an answer."""
        return asdict(self)


def terminals(session: Session, among: Select[Any] | None = None, *, now: datetime, limit: int = 200) -> Sequence[Terminal]:
    """The devices of a query of ids (all without one), those in use first, the longest unseen of them on top."""
    query = select(Device, Store, Department.name).join(Store, Store.id == Device.store_id)
    query = query.outerjoin(Department, Department.id == Device.department_id)
    if among is not None:
        query = query.where(Device.id.in_(among))
    in_use = (Device.revoked_at.is_not(None), Device.paired_at.is_(None), Device.seen_at.asc().nulls_first(), Device.id)
    return [_terminal(*row, now=now) for row in session.execute(query.order_by(*in_use).limit(limit))]


def _terminal(device: Device, store: Store, department: str | None, *, now: datetime) -> Terminal:
    return Terminal(
        id=device.public_id,
        name=device.name,
        store=store.code,
        store_name=store.name,
        department=department or "",
        state=_state(device, now=now),
        paired_at=device.paired_at,
        seen_at=device.seen_at,
        revoked_at=device.revoked_at,
    )


def _state(device: Device, *, now: datetime) -> str:
    if device.revoked_at is not None:
        return "cut_off"
    if device.paired_at is not None:
        return "paired"
    return "offered" if device.pair_until > now else "lapsed"
