"""Departments of a store and the moves between places: added, renamed, moved, and a store given to another business unit."""

import re
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.ids import new_public_id
from app.core.nouns import BusinessUnit, Store
from app.core.people import Department, Device, StaffSession
from app.core.staffing import Place, check_name, store_called

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z")


def add_department(session: Session, store: Store, *, code: str, name: str, actor: str, now: datetime) -> Department:
    """Open a department of a store. Raises BadRequestError, ConflictError."""
    if not _CODE.match(code):
        raise BadRequestError("部门编号为 1 到 32 位字母数字 / a department's code has 1 to 32 letters and digits", code="bad_department")
    check_name(name)
    row = {"public_id": new_public_id(), "store_id": store.id, "code": code, "name": name, "created_at": now}
    made = session.scalar(pg_insert(table_of(Department)).values(row).on_conflict_do_nothing().returning(Department.id))
    if made is None:
        raise _taken(store, code)
    department = session.get_one(Department, made)
    detail = {"store": store.code, "code": code}
    note(session, at=now, actor=actor, action="department.added", object_type="department", object_id=row["public_id"], detail=detail)
    return department


def department_called(session: Session, store: Store, code: str) -> Department:
    """A department of a store by its code. Raises NotFoundError."""
    found = session.scalar(select(Department).where(Department.store_id == store.id, Department.code == code))
    if found is None:
        raise NotFoundError(f"{store.code} 没有部门 {code} / {store.code} has no department {code}", code="no_department")
    return found


def unit_called(session: Session, name: str) -> BusinessUnit:
    """A business unit by its name. Raises NotFoundError."""
    found = session.scalar(select(BusinessUnit).where(BusinessUnit.name == name))
    if found is None:
        raise NotFoundError(f"没有事业部 {name} / there is no business unit {name}", code="no_unit")
    return found


def place_called(session: Session, *, store: str | None = None, unit: str | None = None, department: str | None = None) -> Place:
    """A place as a person names it: a store, a unit, a department of a store, or nothing for the group. Raises BadRequestError, NotFoundError."""
    if (store is not None and unit is not None) or (department is not None and store is None):
        raise BadRequestError(
            "--store 与 --unit 只能用一个, --department 要同时给 --store / use --store or --unit, and --department with its --store",
            code="bad_position",
        )
    held = None if store is None else store_called(session, store)
    if held is not None and department is not None:
        return Place(department=department_called(session, held, department))
    return Place(held, None if unit is None else unit_called(session, unit))


def move_department(session: Session, department: Department, *, to: Store, actor: str, now: datetime) -> None:
    """A department goes to another store with its devices and positions; who is logged in at its devices logs in anew.

    What it did until today stays with the store it did it at. Raises ConflictError.
    """
    before = session.get_one(Store, department.store_id)
    if before.id == to.id:
        raise ConflictError("部门已在这家门店 / the department is there already", code="same_place")
    if session.scalar(select(Department.id).where(Department.store_id == to.id, Department.code == department.code)) is not None:
        raise _taken(to, department.code)
    department.store_id = to.id
    here = select(Device.id).where(Device.department_id == department.id)
    session.execute(update(Device).where(Device.department_id == department.id).values(store_id=to.id))
    session.execute(update(StaffSession).where(StaffSession.device_id.in_(here), StaffSession.ended_at.is_(None)).values(ended_at=now))
    session.flush()
    detail = {"from": before.code, "to": to.code, "code": department.code}
    note(session, at=now, actor=actor, action="department.moved", object_type="department", object_id=department.public_id, detail=detail)


def stand_in(session: Session, device: Device, department: Department | None, *, actor: str, now: datetime) -> None:
    """Put a device into a department of its store, or back to the whole store; who is logged in there logs in anew."""
    if department is not None and department.store_id != device.store_id:
        raise NotFoundError("设备所在门店没有这个部门 / the device's store has no such department", code="no_department")
    device.department_id = None if department is None else department.id
    ended = update(StaffSession).where(StaffSession.device_id == device.id, StaffSession.ended_at.is_(None))
    session.execute(ended.values(ended_at=now))
    session.flush()
    detail = {"department": None if department is None else department.code}
    note(session, at=now, actor=actor, action="device.moved", object_type="device", object_id=device.public_id, detail=detail)


def move_store(session: Session, store: Store, *, unit: BusinessUnit, actor: str, now: datetime) -> None:
    """A store goes to another business unit; positions of that unit reach it from now on. Raises ConflictError.

    What was earned and redeemed until today stays with the unit it was posted under.
    """
    before = session.get_one(BusinessUnit, store.business_unit_id)
    if before.id == unit.id:
        raise ConflictError("门店已属于该事业部 / the store belongs to that unit already", code="same_place")
    if session.scalar(select(Store.id).where(Store.business_unit_id == unit.id, Store.code == store.code)) is not None:
        raise ConflictError(f"{unit.name} 已有门店 {store.code} / {unit.name} has a store {store.code} already", code="store_exists")
    store.business_unit_id = unit.id
    session.flush()
    detail = {"from": before.name, "to": unit.name}
    note(session, at=now, actor=actor, action="store.moved", object_type="store", object_id=store.public_id, detail=detail)


def _taken(store: Store, code: str) -> ConflictError:
    return ConflictError(f"{store.code} 已有部门 {code} / {store.code} has a department {code} already", code="department_exists")
