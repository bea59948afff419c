"""`fanka store`: the stores of the group and their business units."""

import click
from sqlalchemy import func, select

from app.commands.frame import command, paged
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.nouns import BusinessUnit, Store
from app.core.people import Device
from app.core.staffing import add_store
from app.core.unit import reading, work

ACTOR = "cli"


@click.group()
def store() -> None:
    """门店 · Stores and their business units."""


@command(store, "add")
@click.argument("code")
@click.option("--name", required=True, help="门店名称 · its name.")
@click.option("--unit", required=True, help="业态或事业部, 没有则新建 · its business unit, made when there is none.")
def add(voice: Voice, *, code: str, name: str, unit: str) -> None:
    """添加门店 · Add a store."""
    with opened() as house, work(house.engine) as session:
        made = add_store(session, code=code, name=name, unit=unit, actor=ACTOR, now=house.clock.now())
        answer = {"id": str(made.public_id), "code": made.code, "name": made.name, "unit": unit}
    voice.line(f"已添加门店 {name} ({code})", f"added the store {name} ({code})")
    voice.answer(answer)


@command(store, "list")
@paged
def list_stores(voice: Voice, *, limit: int, after: str | None) -> None:
    """列出门店 · List the stores."""
    with opened() as house, reading(house.engine) as session:
        live = select(func.count(Device.id)).where(Device.store_id == Store.id, Device.paired_at.is_not(None), Device.revoked_at.is_(None))
        query = select(Store, BusinessUnit.name, live.scalar_subquery()).join(BusinessUnit, BusinessUnit.id == Store.business_unit_id)
        query = query.order_by(Store.code, Store.id).limit(limit + 1)
        rows = session.execute(query if after is None else query.where(Store.code > after)).all()
    shown = rows[:limit]
    heads = [("编号", "code"), ("名称", "name"), ("事业部", "unit"), ("设备", "devices")]
    table = [(held.code, held.name, unit, devices) for held, unit, devices in shown]
    voice.table(heads, table, empty=("还没有门店", "there is no store yet"))
    voice.answer(
        {
            "stores": [
                {"id": str(held.public_id), "code": held.code, "name": held.name, "unit": unit, "devices": devices}
                for held, unit, devices in shown
            ],
            "next": shown[-1][0].code if len(rows) > limit else None,
        }
    )
