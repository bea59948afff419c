"""`fanka store`: the stores of the group, their business units, and what they did."""

from dataclasses import asdict
from datetime import datetime

import click
from sqlalchemy import func, select

from app.commands.days import read_span, spanned
from app.commands.frame import command, paged
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.departments import department_called, move_store, unit_called
from app.core.nouns import BusinessUnit, Store
from app.core.people import Device
from app.core.staffing import add_store, store_called
from app.core.unit import reading, work
from cards.counter_report import by_clerk, by_store, by_unit, turns

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


@command(store, "move")
@click.argument("code")
@click.option("--unit", required=True, help="新的事业部, 须已存在 · its new business unit, which exists.")
def move(voice: Voice, *, code: str, unit: str) -> None:
    """门店改属另一个事业部 · Give a store to another business unit; what was posted until today stays with the old one."""
    with opened() as house, work(house.engine) as session:
        held = store_called(session, code)
        move_store(session, held, unit=unit_called(session, unit), actor=ACTOR, now=house.clock.now())
    voice.line(f"门店 {code} 已归入 {unit}", f"the store {code} belongs to {unit} now")
    voice.answer({"code": code, "unit": unit})


@command(store, "report")
@click.argument("code")
@click.option("--department", default=None, help="只看一个部门 · only this department.")
@spanned
def report(voice: Voice, *, code: str, department: str | None, since: datetime | None, until: datetime | None) -> None:
    """门店与店员业绩排名, 结算预览, 已交的班 · What a store did, its clerks ranked, who pays for the coupons, and the shifts."""
    with opened() as house, reading(house.engine) as session:
        first, last, start, end = read_span(since, until, now=house.clock.now())
        held = store_called(session, code)
        part = None if department is None else department_called(session, held, department).id
        clerks = by_clerk(session, store_id=held.id, department_id=part, since=start, until=end)
        units = by_unit(session, store_id=held.id, department_id=part, since=start, until=end)
        shifts = turns(session, store_id=held.id, since=start, until=end) if part is None else []
    heads = [
        ("工号", "login"),
        ("姓名", "name"),
        ("核销", "redeemed"),
        ("优惠(分)", "discount fen"),
        ("收款(分)", "collected fen"),
        ("撤销", "undone"),
        ("拒绝", "refused"),
        ("记账", "booked"),
        ("记账(分)", "booked fen"),
        ("开卡", "cards"),
    ]
    voice.table(heads, [tuple(each.as_json().values()) for each in clerks], empty=("这几天没有记录", "nothing happened on these days"))
    voice.table(
        [("出资方", "paid by"), ("核销", "redeemed"), ("优惠(分)", "discount fen")],
        [tuple(asdict(each).values()) for each in units],
        empty=("没有核销", "nothing was redeemed"),
    )
    voice.answer(
        {
            "store": code,
            "department": department,
            "from": first.isoformat(),
            "to": last.isoformat(),
            "clerks": [{**each.as_json(), "rank": rank} for rank, each in enumerate(clerks, 1)],
            "units": [asdict(each) for each in units],
            "shifts": [
                {**asdict(each), "opened_at": each.opened_at.isoformat(), "closed_at": each.closed_at.isoformat()} for each in shifts
            ],
        }
    )


@command(store, "ranking")
@click.option("--unit", default=None, help="只看一个事业部 · only the stores of this business unit.")
@spanned
def ranking(voice: Voice, *, unit: str | None, since: datetime | None, until: datetime | None) -> None:
    """门店排名: 销售额, 核销, 新会员 · Stores side by side: sales, redemptions, members recruited."""
    with opened() as house, reading(house.engine) as session:
        first, last, start, end = read_span(since, until, now=house.clock.now())
        query = select(Store.id) if unit is None else select(Store.id).where(Store.business_unit_id == unit_called(session, unit).id)
        found = by_store(session, store_ids=session.scalars(query).all(), since=start, until=end)
    heads = [("名次", "rank"), ("门店", "store"), ("名称", "name"), ("事业部", "unit"), ("订单", "orders")]
    heads += [("销售(分)", "sales fen"), ("核销", "redeemed"), ("优惠(分)", "discount fen"), ("新会员", "members")]
    table = [
        (each.rank, each.code, each.name, each.unit, each.orders, each.sales_fen, each.redeemed, each.discount_fen, each.cards)
        for each in found
    ]
    voice.table(heads, table, empty=("还没有门店", "there is no store yet"))
    voice.answer({"unit": unit, "from": first.isoformat(), "to": last.isoformat(), "stores": [asdict(each) for each in found]})
