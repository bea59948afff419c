"""`fanka crm`: how the questions to the group's CRM stand, and asking again."""

from uuid import UUID

import click

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice, iso
from app.core.unit import reading, work
from cards.crm.questions import retry, standing

ACTOR = "cli"
_STATES = {
    "waiting": ("待询问", "waiting"),
    "brought": ("已迁入", "brought"),
    "known": ("早已迁入", "known before"),
    "nobody": ("对方没有", "unknown there"),
    "unproved": ("待柜台核对", "for the counter"),
    "parked": ("需人工查看", "for a person"),
}


@click.group()
def crm() -> None:
    """集团会员系统 · The group's CRM, asked for old members when they open a card."""


@command(crm, "status")
def status(voice: Voice) -> None:
    """询问情况 · How many questions are in each state, and those in trouble with their reason."""
    with opened() as house, reading(house.engine) as session:
        found = standing(session)
        connected = house.settings.crm_url is not None
    if not connected:
        voice.line("没有接入会员系统 (FANKA_CRM_URL)", "no CRM is connected (FANKA_CRM_URL)")
    for state, (zh, en) in _STATES.items():
        voice.line(f"{zh} {found.counts[state]:,}", f"{found.counts[state]:,} {en}")
    voice.table(
        [("编号", "id"), ("状态", "state"), ("原因", "reason"), ("次数", "tries"), ("下次", "next")],
        [
            (each.public_id, each.state, each.reason, each.tries, each.run_after if each.settled_at is None else None)
            for each in found.trouble
        ],
        empty=("没有受阻的询问", "no question is in trouble"),
    )
    voice.answer(
        {
            "connected": connected,
            "counts": found.counts,
            "trouble": [
                {
                    "id": str(each.public_id),
                    "state": each.state,
                    "reason": each.reason,
                    "tries": each.tries,
                    "next_at": iso(each.run_after) if each.settled_at is None else None,
                }
                for each in found.trouble
            ],
        }
    )


@command(crm, "retry")
@click.argument("question", type=click.UUID, required=False)
def retry_(voice: Voice, *, question: UUID | None) -> None:
    """再问 · Ask again now: one question, or all that are in trouble."""
    with opened() as house, work(house.engine) as session:
        asked = retry(house, session, question=question, actor=ACTOR)
    voice.line(f"将再问 {asked:,} 个", f"{asked:,} are asked again")
    voice.answer({"asked": asked})
