"""`fanka review`: the queue of what the defences caught; each case is released or refused once, with a reason."""

from uuid import UUID

import click

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.unit import reading, work
from cards.reviews import DECISIONS, decide, list_cases

ACTOR = "cli"


@click.group()
def review() -> None:
    """待审核 · What the defences caught and a person has to judge."""


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
