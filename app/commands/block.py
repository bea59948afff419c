"""`fanka block`: the blacklist of customers, phone numbers and devices."""

from datetime import datetime
from uuid import UUID

import click

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice, iso
from app.core.clock import SHANGHAI
from app.core.gate import mask_phone
from app.core.secrets import KeyRing
from app.core.unit import reading, work
from cards.blocks import Whom, add_block, lift_block, list_blocks
from cards.models.defences import Block

ACTOR = "cli"
_REASON = click.option("--reason", required=True, help="原因, 写入审计 · why; it goes into the audit.")


@click.group()
def block() -> None:
    """黑名单 · Who claims, redeems and earns nothing; he hears the same as everybody who is refused."""


@command(block, "add")
@click.option("--customer", type=click.UUID, default=None, help="顾客 · a customer's id.")
@click.option("--phone", default=None, help="手机号, 含换号的账号 · a number, whatever account it comes with.")
@click.option(
    "--device", type=click.IntRange(1, 2**63 - 1), default=None, help="设备号, 见待审核 · a device's number, as the review queue shows it."
)
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), default=None, help="到哪天为止, 不写为长期 · the day it ends; for good without."
)
@_REASON
def add(voice: Voice, *, customer: UUID | None, phone: str | None, device: int | None, until: datetime | None, reason: str) -> None:
    """加入黑名单 · Keep somebody out: one of --customer, --phone, --device."""
    ends = None if until is None else until.replace(tzinfo=SHANGHAI)
    with opened() as house, work(house.engine) as session:
        whom = Whom(customer, phone, device)
        made = add_block(session, house.ring, whom, reason=reason, until=ends, actor=ACTOR, now=house.clock.now())
        voice.line(f"已加入黑名单: {made.public_id}", f"kept out: {made.public_id}")
        voice.answer({"id": str(made.public_id), "kind": made.kind})


@command(block, "lift")
@click.argument("entry", type=click.UUID)
@_REASON
def lift(voice: Voice, *, entry: UUID, reason: str) -> None:
    """解除 · Let somebody in again, with a reason."""
    with opened() as house, work(house.engine) as session:
        lift_block(session, entry, reason=reason, actor=ACTOR, now=house.clock.now())
        voice.line("已解除", "lifted")
        voice.answer({"id": str(entry), "lifted": True})


@command(block, "list")
@click.option("--all", "everything", is_flag=True, help="含已解除和到期的 · lifted and ended ones too.")
def list_(voice: Voice, *, everything: bool) -> None:
    """列出黑名单 · List who is kept out, and why."""
    with opened() as house, reading(house.replica) as session:
        rows = [(each, _whom(house.ring, each)) for each in list_blocks(session, now=house.clock.now(), everything=everything)]
    voice.table(
        [("编号", "id"), ("对象", "whom"), ("原因", "why"), ("截止", "until"), ("经办", "by")],
        [(each.public_id, whom, each.reason, each.until or "-", each.actor) for each, whom in rows],
        empty=("黑名单是空的", "nobody is kept out"),
    )
    told = [
        {
            "id": str(each.public_id),
            "kind": each.kind,
            "whom": whom,
            "reason": each.reason,
            "until": None if each.until is None else iso(each.until),
            "by": each.actor,
            "lifted": each.lifted_at is not None,
        }
        for each, whom in rows
    ]
    voice.answer({"blocks": told})


def _whom(ring: KeyRing, row: Block) -> str:
    """A number masked, a device by its number, a customer by his row."""
    if row.phone_sealed is not None:
        return mask_phone(ring.open(row.phone_sealed, table="block", column="phone_sealed", row=row.public_id))
    return f"device {row.device}" if row.device is not None else f"customer #{row.customer_id}"
