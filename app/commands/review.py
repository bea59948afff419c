"""`fanka review`: what the defences caught, and the receipts customers photographed; each is decided once, with a reason."""

from typing import Literal
from uuid import UUID

import click

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.unit import reading, work
from cards.receipts.deciding import Judge, Verdict
from cards.receipts.deciding import decide as decide_on
from cards.receipts.reading import list_waiting
from cards.reviews import DECISIONS, decide, list_cases

ACTOR = "cli"


@click.group()
def review() -> None:
    """待审核 · What a person has to judge: what the defences caught, and customers' receipts."""


@command(review, "list")
def list_(voice: Voice) -> None:
    """列出待审核 · List what waits, oldest first; a case that holds points releases them when it is released."""
    with opened() as house, reading(house.replica) as session:
        cases = list_cases(session, house.ring, limit=200)
    voice.table(
        [
            ("编号", "id"),
            ("时间", "at"),
            ("缘由", "why"),
            ("门店", "store"),
            ("店员", "clerk"),
            ("顾客", "customer"),
            ("对象", "what"),
            ("暂缓积分", "holds points"),
        ],
        [
            (
                each.id,
                each.at,
                each.why[0],
                each.store or "-",
                each.by or "-",
                each.phone or each.who or "-",
                each.what or "-",
                "✓" if each.holds_points else "",
            )
            for each in cases
        ],
        empty=("没有待审核的", "nothing waits"),
    )
    voice.answer({"cases": [each.as_json() for each in cases]})


@command(review, "decide")
@click.argument("case", type=click.UUID)
@click.argument("decision", type=click.Choice(sorted(DECISIONS)))
@click.option("--reason", required=True, help="原因, 写入审计 · why; it goes into the audit.")
def decide_(voice: Voice, *, case: UUID, decision: str, reason: str) -> None:
    """放行或拒绝 · Release (an order's points are posted) or refuse (they never are), once."""
    with opened() as house, work(house.engine) as session:
        done = decide(session, case, decision=decision, reason=reason, actor=ACTOR, registry=house.registry, now=house.clock.now())
        state = done.state
    said = ("已放行", "released") if decision == "release" else ("已拒绝", "refused")
    voice.line(*said)
    voice.answer({"id": str(case), "decision": decision, "state": state})


@command(review, "receipts")
def receipts(voice: Voice) -> None:
    """列出待核对的小票 · List the receipts that wait at all stores, oldest first. Their photos are seen at /clerk alone."""
    with opened() as house, reading(house.replica) as session:
        waiting = list_waiting(session, house.ring, limit=100)
    voice.table(
        [("编号", "id"), ("提交", "sent"), ("门店", "store"), ("单号", "number"), ("分", "fen"), ("日期", "day"), ("顾客", "customer")],
        [
            (
                each["id"],
                each["sent_at"],
                each["store"],
                each["number"],
                each["amount_fen"],
                each["paid_on"],
                each["customer"]["phone"] or each["customer"]["name"] or "-",
            )
            for each in waiting
        ],
        empty=("没有待核对的小票", "no receipt waits"),
    )
    voice.answer({"receipts": waiting})


@command(review, "receipt")
@click.argument("receipt", type=click.UUID)
@click.argument("decision", type=click.Choice(["approve", "refuse"]))
@click.option("--reason", required=True, help="原因, 顾客可见 · why; the customer reads it, and it goes into the audit.")
@click.option("--number", default=None, help="照片上的单号 · the number on the photo, if it differs.")
@click.option("--fen", type=click.IntRange(1), default=None, help="照片上的实付分 · what was paid in fen, if it differs.")
def receipt_(
    voice: Voice, *, receipt: UUID, decision: Literal["approve", "refuse"], reason: str, number: str | None, fen: int | None
) -> None:
    """小票入账或拒绝 · Credit a receipt or refuse it, once."""
    with opened() as house, work(house.engine) as session:
        verdict = Verdict(decision, reason, number, fen)
        now = house.clock.now()
        done = decide_on(session, receipt, verdict, judge=Judge(ACTOR, ACTOR), ring=house.ring, registry=house.registry, now=now)
        state = str(done.state)
    voice.line(*(("已入账", "credited") if decision == "approve" else ("已拒绝", "refused")))
    voice.answer({"id": str(receipt), "decision": decision, "state": state})
