"""`fanka order`: orders from a file, and the list of goods a unit sells."""

import csv
import hashlib
from pathlib import Path

import click
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.commands.frame import command
from app.commands.house import opened
from app.commands.money import ACTOR
from app.commands.speech import Voice
from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError
from app.core.house import House
from app.core.unit import reading, work
from cards.models.orders import Sku
from cards.order_import import MOST_BYTES, Report, import_orders
from cards.programmes import programme_called, unit_called

_SKU = table_of(Sku)


@click.group()
def order() -> None:
    """订单 · Orders."""


@command(order, "import")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--yes", "book", is_flag=True, help="真正登记; 不加则只预演 · book them; without it the file is only rehearsed.")
@click.option("--unit", default=None, help="只接受这个事业部的门店 · only stores of this unit.")
@click.option("--programme", default=None, help="会员计划, 只有一个时可省 · its programme.")
def import_(voice: Voice, *, path: Path, book: bool, unit: str | None, programme: str | None) -> None:
    """从 CSV 导入订单, 先预演 · Import orders from CSV; a rehearsal first, which leaves nothing."""
    if path.stat().st_size > MOST_BYTES:
        raise BadRequestError(f"文件超过 {MOST_BYTES >> 20} MiB / the file is over {MOST_BYTES >> 20} MiB", code="file_too_big")

    def tell(report: Report) -> None:
        voice.progress(f"订单 {report.orders:,}, 有误 {report.bad_count:,}", f"orders {report.orders:,}, bad lines {report.bad_count:,}")

    with opened() as house:
        with reading(house.engine) as session:
            programme_id = programme_called(session, programme).id
            unit_id = None if unit is None else unit_called(session, unit).id
        data = path.read_bytes()
        report = import_orders(house, data, programme_id=programme_id, actor=ACTOR, unit_id=unit_id, rehearse=not book, tell=tell)
        if book:
            _note_import(house, report, digest=hashlib.sha256(data).hexdigest())
    voice.table(
        [("行", "line"), ("代码", "code"), ("问题", "what is wrong")],
        [(bad.line, bad.code, bad.detail) for bad in report.bad],
        empty=("没有问题行", "no line is bad"),
    )
    done = ("已登记", "booked") if book else ("预演可登记", "would be booked")
    voice.line(
        f"{done[0]} {report.booked:,} 单 {report.points:,} 积分, 已有 {report.known:,}, 待归属 {report.waiting:,}, 问题行 {report.bad_count:,}",
        f"{report.booked:,} orders {done[1]} with {report.points:,} points, {report.known:,} known, {report.waiting:,} waiting, {report.bad_count:,} bad lines",
    )
    voice.answer(
        {
            "rehearsed": not book,
            "lines": report.lines,
            "orders": report.orders,
            "booked": report.booked,
            "known": report.known,
            "points": report.points,
            "waiting": report.waiting,
            "bad_count": report.bad_count,
            "bad": [{"line": bad.line, "code": bad.code, "detail": bad.detail} for bad in report.bad],
        }
    )


def _note_import(house: House, report: Report, *, digest: str) -> None:
    """Which file was brought in and what it came to; each order has its own row, which names who booked it."""
    detail = {"sha256": digest, "booked": report.booked, "known": report.known, "points": report.points, "bad": report.bad_count}
    with work(house.engine) as session:
        note(
            session,
            at=house.clock.now(),
            actor=ACTOR,
            action="orders.imported",
            object_type="file",
            object_id=digest[:16],
            detail=detail,
        )


@command(order, "goods")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--unit", required=True, help="事业部 · the business unit.")
def goods(voice: Voice, *, path: Path, unit: str) -> None:
    """导入商品表 (code,name,category) · Import a unit's list of goods; from then on it refuses orders with anything else."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except csv.Error as error:
        raise BadRequestError("文件不是 CSV 表格 / the file is no CSV table", code="bad_columns") from error
    if not rows or not {"code", "name"} <= set(rows[0]) or len(rows) > 100_000:
        raise BadRequestError("须有 code,name,category 列 / the columns are code,name,category", code="bad_columns")
    with opened() as house, work(house.engine) as session:
        unit_id = unit_called(session, unit).id
        for number, row in enumerate(rows, 2):
            code, name, category = ((row.get(column) or "").strip() for column in ("code", "name", "category"))
            if not (0 < len(code) <= 64 and 0 < len(name) <= 128 and len(category) <= 64):
                raise BadRequestError(f"第 {number} 行有误 / line {number} does not fit", code="bad_line")
            said = {"name": name, "category": category, "active": True}
            wish = pg_insert(_SKU).values({"business_unit_id": unit_id, "code": code, **said})
            session.execute(wish.on_conflict_do_update(index_elements=["business_unit_id", "code"], set_=said))
        now = house.clock.now()
        note(
            session,
            at=now,
            actor=ACTOR,
            action="goods.imported",
            object_type="business_unit",
            object_id=unit_id,
            detail={"rows": len(rows)},
        )
    voice.line(f"{unit}: {len(rows):,} 种商品", f"{unit}: {len(rows):,} goods")
    voice.answer({"unit": unit, "goods": len(rows)})
