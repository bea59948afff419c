"""`fanka claim-code`: campaign words and batches of single-use codes that give a coupon when somebody types them."""

from datetime import datetime
from uuid import UUID

import click

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice, iso
from app.core.clock import SHANGHAI
from app.core.unit import reading, work
from cards.codes import shown
from cards.coupons.claim_codes import MOST_AT_ONCE, add_word, close_codes, make_codes, unused_of, words_of
from cards.coupons.templates import find_template

ACTOR = "cli"
_UNTIL = click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), default=None, help="从哪天起失效 · the day from which it gives nothing."
)


@click.group()
def claim_code() -> None:
    """兑换码 · Codes that customers type at `/c` to get a coupon."""


@command(claim_code, "word")
@click.argument("template", type=click.UUID)
@click.argument("word")
@click.option("--most", type=click.IntRange(1), required=True, help="最多几人 · how many people it is good for.")
@_UNTIL
def word_(voice: Voice, *, template: UUID, word: str, most: int, until: datetime | None) -> None:
    """活动口令 · A campaign's word for many, with a cap; each person gets one."""
    with opened() as house, work(house.engine) as session:
        made = add_word(session, template, word, most=most, until=_moment(until), actor=ACTOR, now=house.clock.now())
        voice.line(f"已添加 {made.code}，最多 {most:,} 人", f"added {made.code} for {most:,}")
        voice.answer({"id": str(made.public_id), "code": made.code, "most": made.most})


@command(claim_code, "batch")
@click.argument("template", type=click.UUID)
@click.argument("number", type=click.IntRange(1, MOST_AT_ONCE))
@_UNTIL
def batch_(voice: Voice, *, template: UUID, number: int, until: datetime | None) -> None:
    """一批一次性码 · Single-use codes, one to a line, to be printed or sent."""
    with opened() as house, work(house.engine) as session:
        batch, made = make_codes(session, template, number, until=_moment(until), actor=ACTOR, now=house.clock.now())
    codes = [shown(each) for each in made]
    for each in codes:
        voice.line(each, each)
    voice.answer({"batch": str(batch), "codes": codes})


@command(claim_code, "list")
@click.argument("template", type=click.UUID)
def list_(voice: Voice, *, template: UUID) -> None:
    """列出口令 · List a template's words and how far they are used."""
    with opened() as house, reading(house.replica) as session:
        words = words_of(session, find_template(session, template))
    voice.table(
        [("编号", "id"), ("口令", "word"), ("已用", "used"), ("上限", "most"), ("失效", "until")],
        [(each.public_id, each.code, each.used, each.most, each.closed_at or each.until or "-") for each in words],
        empty=("还没有口令", "there is no word yet"),
    )
    told = [
        {
            "id": str(each.public_id),
            "code": each.code,
            "used": each.used,
            "most": each.most,
            "until": None if each.until is None else iso(each.until),
            "closed": each.closed_at is not None,
        }
        for each in words
    ]
    voice.answer({"words": told})


@command(claim_code, "unused")
@click.argument("batch", type=click.UUID)
def unused(voice: Voice, *, batch: UUID) -> None:
    """没用过的码 · The codes of a batch that nobody has used yet."""
    with opened() as house, reading(house.replica) as session:
        codes = list(unused_of(session, batch))
    for each in codes:
        voice.line(each, each)
    voice.answer({"codes": codes})


@command(claim_code, "close")
@click.argument("which", type=click.UUID)
def close(voice: Voice, *, which: UUID) -> None:
    """停用 · Stop a word or a batch; what it gave stays good."""
    with opened() as house, work(house.engine) as session:
        closed = close_codes(session, which, actor=ACTOR, now=house.clock.now())
        voice.line(f"已停用 {closed:,} 个", f"closed {closed:,}")
        voice.answer({"closed": closed})


def _moment(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=SHANGHAI)
