"""`fanka department`: the departments of a store, between a store and its people and devices."""

import click
from sqlalchemy import func, select

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.departments import add_department, department_called, move_department
from app.core.nouns import BusinessUnit, Store
from app.core.people import Department, Device, Position
from app.core.staffing import store_called
from app.core.unit import reading, work

ACTOR = "cli"
MOST = 1000


@click.group()
def department() -> None:
    """部门 · Departments of stores."""


@command(department, "add")
@click.argument("code")
@click.option("--store", "store_code", required=True, help="门店编号 · the store's code.")
@click.option("--name", required=True, help="部门名称 · its name.")
def add(voice: Voice, *, code: str, store_code: str, name: str) -> None:
    """添加部门 · Add a department to a store."""
    with opened() as house, work(house.engine) as session:
        made = add_department(session, store_called(session, store_code), code=code, name=name, actor=ACTOR, now=house.clock.now())
        answer = {"id": str(made.public_id), "store": store_code, "code": made.code, "name": made.name}
    voice.line(f"已添加部门 {name} ({store_code}/{code})", f"added the department {name} ({store_code}/{code})")
    voice.answer(answer)


@command(department, "list")
@click.option("--store", "store_code", default=None, help="门店编号 · only of this store.")
def list_departments(voice: Voice, *, store_code: str | None) -> None:
    """列出部门: 事业部 > 门店 > 部门 · List the departments with their store, business unit, people and devices."""
    with opened() as house, reading(house.engine) as session:
        people = select(func.count(Position.staff_id.distinct())).where(Position.department_id == Department.id).scalar_subquery()
        live = (Device.department_id == Department.id, Device.paired_at.is_not(None), Device.revoked_at.is_(None))
        devices = select(func.count(Device.id)).where(*live).scalar_subquery()
        query = select(BusinessUnit.name, Store.code, Department, people, devices).join(Store, Store.id == Department.store_id)
        query = query.join(BusinessUnit, BusinessUnit.id == Store.business_unit_id)
        if store_code is not None:
            query = query.where(Store.id == store_called(session, store_code).id)
        rows = session.execute(query.order_by(BusinessUnit.name, Store.code, Department.code).limit(MOST)).all()
    found = [
        {
            "id": str(held.public_id),
            "unit": unit,
            "store": store,
            "code": held.code,
            "name": held.name,
            "people": staff,
            "devices": counters,
        }
        for unit, store, held, staff, counters in rows
    ]
    heads = [("事业部", "unit"), ("门店", "store"), ("编号", "code"), ("名称", "name"), ("员工", "people"), ("设备", "devices")]
    table = [tuple(value for name, value in each.items() if name != "id") for each in found]
    voice.table(heads, table, empty=("还没有部门", "there is no department yet"))
    voice.answer({"departments": found})


@command(department, "move")
@click.argument("code")
@click.option("--store", "store_code", required=True, help="现在的门店 · the store it is in.")
@click.option("--to", "to_code", required=True, help="新的门店 · the store it goes to.")
def move(voice: Voice, *, code: str, store_code: str, to_code: str) -> None:
    """部门连同设备和职位移到另一家门店 · Move a department, its devices and positions to another store; its devices log in anew."""
    with opened() as house, work(house.engine) as session:
        held = department_called(session, store_called(session, store_code), code)
        move_department(session, held, to=store_called(session, to_code), actor=ACTOR, now=house.clock.now())
        answer = {"id": str(held.public_id), "store": to_code, "code": code}
    voice.line(f"部门 {code} 已移到 {to_code}", f"the department {code} is in {to_code} now")
    voice.answer(answer)
