"""`fanka dead`: entries that could not be recorded, and another try."""

import click
from sqlalchemy import select

from app.commands.frame import command, paged
from app.commands.house import opened
from app.commands.speech import Voice, iso
from app.core.dead import DeadLetterRow
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.house import House
from app.core.unit import reading
from jobs.dead import list_dead, replay, replay_all


@click.group()
def dead() -> None:
    """死信 · Entries that could not be recorded."""


@command(dead, "list")
@click.option("--replayed", is_flag=True, help="也列出已重放的 · those already replayed too.")
@paged
def list_(voice: Voice, *, replayed: bool, limit: int, after: str | None) -> None:
    """列出死信 · List the dead letters, never their words."""
    with opened() as house:
        start = 0 if after is None else _id_of(house, after)
        with reading(house.engine) as session:
            letters = list_dead(session, limit=limit + 1, after_id=start, replayed=replayed)
    shown = letters[:limit]
    voice.table(
        [("编号", "id"), ("原因", "reason"), ("时间", "buried"), ("重放", "replays"), ("已恢复", "replayed")],
        [(letter.stream_id, letter.reason, letter.buried_at, letter.replays, letter.replayed_at) for letter in shown],
        empty=("没有死信", "there is no dead letter"),
    )
    voice.answer(
        {
            "dead": [
                {
                    "id": letter.stream_id,
                    "reason": letter.reason,
                    "buried_at": iso(letter.buried_at),
                    "replays": letter.replays,
                    "replayed_at": iso(letter.replayed_at),
                }
                for letter in shown
            ],
            "next": shown[-1].stream_id if len(letters) > limit else None,
        }
    )


@command(dead, "replay")
@click.argument("letter", required=False)
@click.option("--all", "everything", is_flag=True, help="全部重放 · every letter that is still dead.")
def replay_(voice: Voice, *, letter: str | None, everything: bool) -> None:
    """重放死信 · Try one dead letter again, or all of them."""
    if (letter is None) is not everything:
        raise BadRequestError("给出一个编号, 或用 --all / name one letter, or use --all", code="which_letter")
    with opened() as house:
        if letter is None:
            risen, left = replay_all(house)
        else:
            risen = int(replay(house, _id_of(house, letter)))
            left = 1 - risen
    if left:
        raise ConflictError(
            f"{risen} 条已记录, {left} 条仍然失败; fanka dead list 看原因 / {risen} recorded, {left} still fail; `fanka dead list` says why",
            code="still_dead",
        )
    voice.line(f"{risen} 条已记录", f"{risen} recorded")
    voice.answer({"recorded": risen, "failed": left})


def _id_of(house: House, stream_id: str) -> int:
    with reading(house.engine) as session:
        found = session.scalar(select(DeadLetterRow.id).where(DeadLetterRow.stream_id == stream_id))
    if found is None:
        raise NotFoundError(f"没有死信 {stream_id} / there is no dead letter {stream_id}", code="no_letter")
    return found
