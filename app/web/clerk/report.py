"""What the store did, for those who may see reports: clerks ranked, stores of the unit ranked, shifts, who pays, and the terminal check."""

from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.clock import SHANGHAI, business_day
from app.core.errors import BadRequestError, NotFoundError
from app.core.gate import Right, access_department, access_device, demand, departments_of, devices_of, rights_at, staff_under, stores_of
from app.core.logins import Presence
from app.core.nouns import BusinessUnit, Store
from app.core.people import Department, Position, Staff
from app.core.staffing import revoke_device
from app.core.terminals import terminals
from app.web.clerk.door import Answered, Door, Form
from cards.counter_report import by_clerk, by_store, by_unit, turns

LONGEST = timedelta(days=365)
MOST_STORES, MOST_STAFF = 500, 200


class CutForm(Form):
    """Nothing is asked; the address names the device."""


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`report`, `terminals`, `devices/<id>/cut` and `staff`."""
    house = door.house

    def report() -> Answered:
        with door.counter() as (session, presence):
            demand(presence.rights, Right.REPORT)
            first, last = _days(house.clock.now())
            return told(session, presence, department=_department(session, presence), first=first, last=last)

    def terminal_check() -> Answered:
        """Every device somebody may see: of his departments, or of all his stores."""
        with door.counter() as (session, presence):
            demand(presence.rights, Right.REPORT)
            found = terminals(session, devices_of(presence.staff, right=Right.REPORT), now=house.clock.now())
            own = presence.device.public_id
            return {"terminals": [{**each.as_json(), "own": each.id == own} for each in found]}

    def cut(device_id: UUID) -> Answered:
        door.read(CutForm)
        with door.counter() as (session, presence):
            demand(presence.rights, Right.STAFF)
            device = access_device(session, presence.staff, device_id)
            revoke_device(session, device, actor=presence.staff.login, now=house.clock.now())
            return {"device": str(device_id), "state": "cut_off"}

    def people() -> Answered:
        with door.counter() as (session, presence):
            demand(presence.rights, Right.STAFF)
            return {"staff": looked_after(session, presence), "scan": bool(house.settings.login_appid)}

    door.api(blueprint, "report", report)
    door.api(blueprint, "terminals", terminal_check)
    door.api(blueprint, "devices/<uuid:device_id>/cut", cut, post=True)
    door.api(blueprint, "staff", people)


def told(session: Session, presence: Presence, *, department: Department | None, first: date, last: date) -> dict[str, Any]:
    """The figures of a span of days: of the whole store, or of one department when that is all he may see or what he asked for."""
    since, until = (datetime.combine(day, time.min, SHANGHAI).astimezone(UTC) for day in (first, last + timedelta(days=1)))
    store = presence.store
    part = None if department is None else department.id
    clerks = by_clerk(session, store_id=store.id, department_id=part, since=since, until=until)
    whole = department is None
    own = by_store(session, store_ids=[store.id], since=since, until=until)
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "store": store.name,
        "department": None if department is None else {"id": str(department.public_id), "name": department.name},
        "departments": _departments(session, presence),
        "sales_fen": own[0].sales_fen if whole else sum(each.booked_fen for each in clerks),
        "clerks": [each.as_json() for each in clerks],
        "units": [asdict(each) for each in by_unit(session, store_id=store.id, department_id=part, since=since, until=until)],
        "stores": _stores(session, presence, since=since, until=until) if whole else [],
        "shifts": [_turn(each) for each in turns(session, store_id=store.id, since=since, until=until)] if whole else [],
    }


def looked_after(session: Session, presence: Presence) -> list[dict[str, Any]]:
    """The staff somebody looks after: what they are, and whether their WeChat opens the page. Nobody else exists for him here."""
    query = select(Staff).where(Staff.id.in_(staff_under(presence.staff))).order_by(Staff.login).limit(MOST_STAFF)
    found = session.scalars(query).all()
    held = select(Position.staff_id, Position.role, Store.name, BusinessUnit.name, Department.name)
    held = held.outerjoin(Department, Department.id == Position.department_id).outerjoin(Store, Store.id == Position.store_id)
    held = held.outerjoin(BusinessUnit, BusinessUnit.id == Position.business_unit_id)
    held = held.where(Position.staff_id.in_([each.id for each in found])).order_by(Position.id)
    places: dict[int, list[dict[str, str]]] = {}
    for staff_id, role, store, unit, department in session.execute(held):
        places.setdefault(staff_id, []).append({"role": role, "place": department or store or unit or ""})
    return [
        {
            "id": str(each.public_id),
            "login": each.login,
            "name": each.name,
            "positions": places.get(each.id, []),
            "totp": each.totp_sealed is not None,
            "bound_at": each.wechat_bound_at,
            "own": each.id == presence.staff.id,
        }
        for each in found
    ]


def _department(session: Session, presence: Presence) -> Department | None:
    """The department that was asked for, or the one he stands in when the whole store is not his to see."""
    asked = request.args.get("department", "")[:40]
    if not asked:
        whole = Right.REPORT in rights_at(session, presence.staff, presence.store)
        return None if whole else presence.department
    try:
        found = access_department(session, presence.staff, UUID(asked), right=Right.REPORT)
    except ValueError:
        found = None
    if found is None or found.store_id != presence.store.id:
        raise NotFoundError("没有这个部门 / there is no such department", code="no_department")
    return found


def _departments(session: Session, presence: Presence) -> list[dict[str, str]]:
    seen = departments_of(presence.staff, right=Right.REPORT)
    query = select(Department).where(Department.store_id == presence.store.id, Department.id.in_(seen)).order_by(Department.code)
    return [{"id": str(each.public_id), "name": each.name} for each in session.scalars(query)]


def _stores(session: Session, presence: Presence, *, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """The stores of this unit that are his to see, side by side."""
    unit = Store.business_unit_id == presence.store.business_unit_id
    seen = select(Store.id).where(unit, Store.id.in_(stores_of(presence.staff, right=Right.REPORT))).limit(MOST_STORES)
    found = by_store(session, store_ids=session.scalars(seen).all(), since=since, until=until)
    return [{**asdict(each), "here": each.code == presence.store.code} for each in found]


def _turn(turn: Any) -> dict[str, Any]:
    totals = {name: turn.totals.get(name, 0) for name in ("redeemed", "discount_fen", "pay_fen")}
    return {"name": turn.name, "from": turn.opened_at, "to": turn.closed_at, **totals}


def _days(now: datetime) -> tuple[date, date]:
    """The span of the address, days in Shanghai, today without one. Raises BadRequestError."""
    today = business_day(now)
    try:
        first = date.fromisoformat(request.args.get("from", "") or today.isoformat())
        last = date.fromisoformat(request.args.get("to", "") or first.isoformat())
    except ValueError:
        first, last = date.max, date.min
    if not timedelta(0) <= last - first <= LONGEST or first.year < 2000 or last.year > 2100:
        raise BadRequestError("日期应为先后两天, 最多 366 天 / the days follow each other, 366 at most", code="bad_days")
    return first, last
