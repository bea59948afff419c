"""`fanka store`: the stores of the group and their business units."""

from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta

import click
from sqlalchemy import func, select

from app.commands.frame import command, paged
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.clock import SHANGHAI, business_day
from app.core.errors import BadRequestError
from app.core.nouns import BusinessUnit, Store
from app.core.people import Device
from app.core.staffing import add_store, store_called
from app.core.unit import reading, work
from cards.counter_report import by_clerk, by_unit

ACTOR = "cli"
LONGEST_REPORT = timedelta(days=365)


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


@command(store, "report")
@click.argument("code")
@click.option(
    "--from",
    "since",
    type=click.DateTime(["%Y-%m-%d"]),
    default=None,
    help="第一天, 上海时间, 默认今天 · the first day in Shanghai, today by default.",
)
@click.option(
    "--to",
    "until",
    type=click.DateTime(["%Y-%m-%d"]),
    default=None,
    help="最后一天, 默认与第一天相同 · the last day, the first by default.",
)
def report(voice: Voice, *, code: str, since: datetime | None, until: datetime | None) -> None:
    """门店与店员业绩排名 · What a store did, its clerks ranked, and who pays for the coupons."""
    with opened() as house, reading(house.engine) as session:
        first = since.date() if since is not None else business_day(house.clock.now())
        last = until.date() if until is not None else first
        if not timedelta(0) <= last - first <= LONGEST_REPORT:
            raise BadRequestError("日期应为先后两天, 最多 366 天 / the days follow each other, 366 at most", code="bad_days")
        held = store_called(session, code)
        start, end = (datetime.combine(day, time.min, SHANGHAI).astimezone(UTC) for day in (first, last + timedelta(days=1)))
        clerks = by_clerk(session, store_id=held.id, since=start, until=end)
        units = by_unit(session, store_id=held.id, since=start, until=end)
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
            "from": first.isoformat(),
            "to": last.isoformat(),
            "clerks": [each.as_json() for each in clerks],
            "units": [asdict(each) for each in units],
        }
    )
