"""`fanka ledger`: proof of the books, the night, and what the group owes its members."""

import time

import click

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.errors import ConflictError
from app.core.unit import reading
from cards.ledger.statement import read_liability
from cards.ledger.verify import INVARIANTS, verify
from cards.programmes import programme_called
from jobs.night import run_night


@click.group()
def ledger() -> None:
    """积分与储值账本 · The ledger of points and stored value."""


@command(ledger, "verify")
def verify_(voice: Voice) -> None:
    """核对账本的每一条不变量, 有误则退出码 1 · Check every invariant; exit code 1 when one does not hold."""
    began = time.monotonic()
    with opened() as house, reading(house.replica) as session:
        findings = verify(session)
    took = round(time.monotonic() - began, 1)
    voice.table(
        [("不变量", "invariant"), ("不符", "broken"), ("例", "examples")],
        [(found.invariant, found.broken, " ".join(map(str, found.examples))) for found in findings],
        empty=(f"账本无误, {took} 秒", f"the books are right, {took} s"),
    )
    if findings:
        names = ", ".join(found.invariant for found in findings)
        raise ConflictError(f"账本有误: {names} / the books are wrong: {names}", code="books_wrong")
    voice.answer({"findings": [], "invariants": len(INVARIANTS) - 1, "seconds": took})


@command(ledger, "night")
def night(voice: Voice) -> None:
    """立即运行夜间任务, 可重复 · Run the night now: holds, activate, expire, tiers, waiting orders. It may run twice."""
    with opened() as house:
        done = run_night(house, tell=lambda step, count: voice.progress(f"{step}: {count:,}", f"{step}: {count:,}"))
    voice.line(
        f"释放占用 {done.holds}, 处理钱包 {done.wallets:,}, 等级变动 {done.tiers}, 归属订单 {done.orders}",
        f"holds released {done.holds}, wallets settled {done.wallets:,}, tiers changed {done.tiers}, orders attached {done.orders}",
    )
    voice.answer({"holds": done.holds, "wallets": done.wallets, "tiers": done.tiers, "orders": done.orders, "keys": done.keys})


@command(ledger, "liability")
@click.option("--programme", default=None, help="会员计划, 只有一个时可省 · its programme.")
@click.option("--kind", type=click.Choice(["points", "value"]), default="points", show_default=True)
def liability(voice: Voice, *, programme: str | None, kind: str) -> None:
    """未使用的积分或储值, 按到期月与发行方 · What members still hold, by month of expiry and issuing unit."""
    with opened() as house, reading(house.replica) as session:
        owed = read_liability(session, programme_id=programme_called(session, programme).id, kind=kind)
    voice.table(
        [("到期月", "expires"), ("发行方", "unit"), ("状态", "state"), ("数量", "amount")],
        [(each.month and each.month.isoformat()[:7], each.unit, each.state, f"{each.amount:,}") for each in owed],
        empty=("没有未使用的", "nothing is owed"),
    )
    rows = [
        {"month": each.month and each.month.isoformat()[:7], "unit": each.unit, "state": each.state, "amount": each.amount} for each in owed
    ]
    voice.answer({"kind": kind, "owed": rows, "total": sum(each.amount for each in owed)})
