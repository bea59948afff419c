"""`fanka settlement`: what the business units owe each other for a month's points."""

from dataclasses import asdict
from pathlib import Path

import click

from app.commands.frame import command
from app.commands.house import opened
from app.commands.money import ACTOR, month_before, month_of
from app.commands.speech import Voice, iso
from app.core.errors import BadRequestError
from app.core.unit import reading, work
from cards.programmes import programme_called, unit_called
from cards.settlement import RULES, Settlement, close_month, read_settlement, set_price
from cards.settlement_papers import write_matrix, write_moves

_PROGRAMME = click.option("--programme", default=None, help="会员计划, 只有一个时可省 · its programme.")


@click.group()
def settlement() -> None:
    """事业部之间的积分结算 · Settlement of points between business units."""


@command(settlement, "price")
@click.argument("issuing")
@click.argument("redeeming")
@click.option(
    "--microfen", type=click.IntRange(0, 10**12), required=True, help="每积分的价格, 百万分之一分 · per point, in millionths of a fen."
)
@click.option("--rule", type=click.Choice(RULES), required=True, help="谁承担 · who pays.")
@click.option(
    "--issuer-percent",
    type=click.IntRange(0, 100),
    default=100,
    show_default=True,
    help="share 时发行方的比例 · the issuer's part of a share.",
)
@click.option("--from", "since", default=None, help="起始月 2026-11, 默认当月 · the first month, this one by default.")
@_PROGRAMME
def price(
    voice: Voice, *, issuing: str, redeeming: str, microfen: int, rule: str, issuer_percent: int, since: str | None, programme: str | None
) -> None:
    """设定一对事业部的积分价格 · Set what a point issued by one unit and used at another costs."""
    with opened() as house, work(house.engine) as session:
        month = since or month_of(house.clock.now())
        set_price(
            session,
            programme_id=programme_called(session, programme).id,
            issuing_id=unit_called(session, issuing).id,
            redeeming_id=unit_called(session, redeeming).id,
            price_microfen=microfen,
            rule=rule,
            issuer_percent=issuer_percent,
            valid_from=month,
            actor=ACTOR,
            now=house.clock.now(),
        )
        voice.line(
            f"{issuing} → {redeeming}: {microfen} 微分, {rule}, 自 {month}",
            f"{issuing} → {redeeming}: {microfen} microfen, {rule}, from {month}",
        )
        voice.answer({"issuing": issuing, "redeeming": redeeming, "microfen": microfen, "rule": rule, "from": month})


@command(settlement, "show")
@click.argument("month", required=False)
@_PROGRAMME
def show(voice: Voice, *, month: str | None, programme: str | None) -> None:
    """一个月的结算矩阵, 默认当月 · A month's matrix, this month's by default."""
    with opened() as house, reading(house.replica) as session:
        which = month or month_of(house.clock.now())
        found = read_settlement(session, programme_id=programme_called(session, programme).id, month=which)
    _say(voice, found)


@command(settlement, "close")
@click.argument("month", required=False)
@_PROGRAMME
def close(voice: Voice, *, month: str | None, programme: str | None) -> None:
    """结账并冻结一个月, 默认上月 · Close a month for good, last month by default."""
    with opened() as house, work(house.engine) as session:
        now = house.clock.now()
        which = month or month_before(now)
        found = close_month(session, programme_id=programme_called(session, programme).id, month=which, actor=ACTOR, now=now)
    _say(voice, found)


@command(settlement, "csv")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--month", default=None, help="默认当月 · this month by default.")
@click.option("--moves", is_flag=True, help="明细而非矩阵 · the lot moves instead of the matrix.")
@_PROGRAMME
def csv_(voice: Voice, *, path: Path, month: str | None, moves: bool, programme: str | None) -> None:
    """写成 CSV 文件 · Write the matrix, or the moves behind it, as CSV."""
    with opened() as house, reading(house.replica) as session:
        which = month or month_of(house.clock.now())
        programme_id = programme_called(session, programme).id
        try:
            with path.open("w", encoding="utf-8-sig", newline="") as file:
                if moves:
                    file.writelines(write_moves(session, programme_id=programme_id, month=which))
                else:
                    file.write(write_matrix(read_settlement(session, programme_id=programme_id, month=which)))
        except OSError as error:
            raise BadRequestError(
                f"写不了 {path}: {error.strerror} / {path} cannot be written: {error.strerror}", code="bad_path"
            ) from error
    voice.line(f"已写入 {path}", f"wrote {path}")
    voice.answer({"file": str(path), "month": which, "bytes": path.stat().st_size})


def _say(voice: Voice, found: Settlement) -> None:
    state = ("已结账", "closed") if found.closed_at else ("未结账", "open")
    voice.line(f"{found.month} {state[0]}", f"{found.month} {state[1]}")
    voice.table(
        [
            ("发行方", "issued"),
            ("使用方", "used at"),
            ("积分", "points"),
            ("规则", "rule"),
            ("金额(分)", "fen"),
            ("发行方付", "issuer"),
            ("集团付", "group"),
        ],
        [
            (
                cell.issuing,
                cell.redeeming,
                f"{cell.points:,}",
                cell.rule,
                "?" if cell.fen is None else f"{cell.fen:,}",
                cell.issuer_fen,
                cell.group_fen,
            )
            for cell in found.cells
        ],
        empty=("没有跨部使用", "no points were used"),
    )
    voice.table(
        [("事业部", "unit"), ("自用", "own"), ("他用我", "given"), ("我用他", "taken"), ("净额(分)", "net fen")],
        [
            (side.unit, f"{side.own_points:,}", f"{side.given_points:,}", f"{side.taken_points:,}", f"{side.net_fen:,}")
            for side in found.sides
        ],
        empty=("", ""),
    )
    rest = ", ".join(f"{kind} {points:,}" for kind, points in found.remainder.items()) or "0"
    voice.line(f"不参与结算: {rest}", f"remainder: {rest}")
    voice.answer({**asdict(found), "closed_at": iso(found.closed_at)})
