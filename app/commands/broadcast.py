"""`fanka broadcast`: planned, foretold, sent once, watched while it runs."""

import time
from datetime import datetime
from typing import IO, Any
from uuid import UUID

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.frame import command, paged
from app.commands.house import opened
from app.commands.reply import read_json
from app.commands.speech import Voice, iso, say
from app.core.errors import BadRequestError, ConflictError
from app.core.house import House
from app.core.unit import after_commit, reading, work
from app.wechat.gateway import gateway_for
from jobs.broadcasts import orders
from jobs.broadcasts.doors import START
from jobs.broadcasts.forecast import Forecast, forecast
from jobs.broadcasts.plan import plan_broadcast, read_plan
from jobs.broadcasts.status import Status, state_of, status
from jobs.broadcasts.words import BROADCAST, Words
from jobs.models import Broadcast
from tagging.saved_segments import find_segment

ACTOR = "cli"
_RESTS = ("finished", "cancelled", "refused_late", "planned", "paused")


@click.group()
def broadcast() -> None:
    """群发 · Broadcasts."""


@command(broadcast, "plan")
@click.argument("file", type=click.File("r"))
@click.option("--segment", default=None, help="已保存分群的名称, 代替计划中的 segment · a kept segment, instead of the plan's own.")
def plan(voice: Voice, *, file: IO[str], segment: str | None) -> None:
    """计划群发 · Check and keep a plan (a JSON file, - for standard input), and say whom it would reach. Nothing is sent."""
    body = read_json(file)
    with opened() as house:
        if segment is not None and isinstance(body, dict):
            with reading(house.engine) as session:
                body = {**body, "segment": find_segment(session, segment).tree}
        wish = read_plan(body)
        house.accounts.forget()
        accounts = {account.appid: account for account in house.accounts.all()}
        named = [accounts[part.appid] for part in wish.accounts if part.appid in accounts]
        catalogue = {account.id: gateway_for(house, account).list_templates() for account in named}
        with work(house.engine) as session:
            row = plan_broadcast(session, wish, accounts=accounts, catalogue=catalogue, actor=ACTOR, now=house.clock.now())
        voice.line(f"已计划 {row.name}, 编号 {row.public_id}", f"planned {row.name}, id {row.public_id}")
        reach = forecast(house, row.id)
        _show_forecast(voice, reach)
        voice.answer({"id": str(row.public_id), "key": row.key, "forecast": _forecast_document(reach)})


@command(broadcast, "forecast")
@click.argument("which")
def forecast_(voice: Voice, *, which: str) -> None:
    """预计 · Whom it would reach now, on which account, and who is left out and why."""
    with opened() as house:
        row = _find(house, which)
        reach = forecast(house, row.id)
    _show_forecast(voice, reach)
    voice.answer({"id": str(row.public_id), "forecast": _forecast_document(reach)})


@command(broadcast, "send")
@click.argument("which")
@click.option(
    "--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]), default=None, help="定时 · when, as in 2026-11-23T10:00+0800."
)
@click.option("--missing", is_flag=True, help="再发给上一波未送达的人 · one more wave for those the last did not reach.")
@click.option("--yes", is_flag=True, help="不再询问 · do not ask.")
def send(voice: Voice, *, which: str, at: datetime | None, missing: bool, yes: bool) -> None:
    """发送 · Send a planned broadcast, now or at a time; asks once and names the number. Once its recipients are fixed, sending again changes nothing."""
    if missing and at is not None:
        raise BadRequestError("--missing 立刻再发一波, 不能与 --at 合用 / --missing sends at once and takes no --at", code="missing_now")
    with opened() as house:
        row = _find(house, which)
        number = forecast(house, row.id).reached if row.frozen_wave == 0 and not missing else None
        if not yes and (missing or number is not None):
            _ask(number)
        with work(house.engine) as session:
            now = house.clock.now()
            if missing:
                row = orders.send_to_missing(session, row.id, actor=ACTOR, now=now)
            else:
                row = orders.send(session, row.id, actor=ACTOR, now=now, at=at)
            # The sweep would find it within seconds; this only spares the wait.
            after_commit(session, lambda: house.queues.wake("send", START, row.id, within_s=30))
            starts = row.scheduled_at
        voice.line(f"已下令发送 {row.name}", f"ordered {row.name} to be sent")
        voice.answer({"id": str(row.public_id), "starts_at": iso(starts), "reach": number})


@command(broadcast, "pause")
@click.argument("which")
def pause(voice: Voice, *, which: str) -> None:
    """暂停 · Stop it before the next message."""
    _order(voice, which, orders.pause, "已暂停", "paused")


@command(broadcast, "resume")
@click.argument("which")
def resume(voice: Voice, *, which: str) -> None:
    """继续 · Let a paused one go on."""
    _order(voice, which, orders.resume, "已继续", "goes on")


@command(broadcast, "cancel")
@click.argument("which")
def cancel(voice: Voice, *, which: str) -> None:
    """取消 · End it: who has not been sent anything never will be."""
    _order(voice, which, orders.cancel, "已取消", "cancelled")


@command(broadcast, "status")
@click.argument("which")
@click.option("--watch", is_flag=True, help="持续显示直到结束 · go on showing it until it rests.")
def status_(voice: Voice, *, which: str, watch: bool) -> None:
    """状态 · Every state with its number and reason."""
    with opened() as house:
        row = _find(house, which)
        seen = status(house, row.id)
        while watch and not _rests(seen):
            _show_progress(voice, seen)
            time.sleep(0.5)
            seen = status(house, row.id)
    _show_status(voice, seen)
    voice.answer(_status_document(seen))


@command(broadcast, "list")
@paged
def list_(voice: Voice, *, limit: int, after: str | None) -> None:
    """列出群发 · List the broadcasts, newest last."""
    with opened() as house, reading(house.engine) as session:
        query = select(Broadcast).order_by(Broadcast.public_id).limit(limit + 1)
        rows = session.scalars(query if after is None else query.where(Broadcast.public_id > _uuid(after))).all()
        now = house.clock.now()
        states = {row.id: state_of(session, row, now=now) for row in rows}
    shown = rows[:limit]
    voice.table(
        [("编号", "id"), ("名称", "name"), ("状态", "state"), ("计划于", "planned"), ("开始", "starts")],
        [(row.public_id, row.name, _word(BROADCAST[states[row.id]]), row.planned_at, row.scheduled_at) for row in shown],
        empty=("还没有群发", "there is no broadcast yet"),
    )
    voice.answer(
        {
            "broadcasts": [
                {"id": str(row.public_id), "key": row.key, "name": row.name, "state": states[row.id], "starts_at": iso(row.scheduled_at)}
                for row in shown
            ],
            "next": str(shown[-1].public_id) if len(rows) > limit else None,
        }
    )


def _order(voice: Voice, which: str, order: Any, zh: str, en: str) -> None:
    with opened() as house:
        row = _find(house, which)
        with work(house.engine) as session:
            order(session, row.id, actor=ACTOR, now=house.clock.now())
            after_commit(session, lambda: house.queues.wake("send", START, row.id, within_s=30))
        seen = status(house, row.id)
    voice.line(f"{zh}: {row.name}", f"{en}: {row.name}")
    voice.answer(_status_document(seen))


def _ask(number: int | None) -> None:
    """Ask once, and name the number. Raises ConflictError on a no."""
    question = "将再发一波" if number is None else f"将向 {number:,} 人发送"
    asked = "This sends one more wave" if number is None else f"This sends to {number:,} people"
    if not click.confirm(say(f"{question}, 确定吗?", f"{asked}. Go ahead?"), err=True):
        raise ConflictError("没有发送 / nothing was sent", code="not_confirmed")


def _find(house: House, which: str) -> Broadcast:
    """A broadcast by its public id or its planner's key. Raises NotFoundError."""
    with reading(house.engine) as session:
        return _by_id(session, which) or orders.broadcast_by_key(session, which)


def _by_id(session: Session, which: str) -> Broadcast | None:
    try:
        return session.scalar(select(Broadcast).where(Broadcast.public_id == UUID(which)))
    except ValueError:
        return None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadRequestError(f"{text} 不是编号 / {text} is no id", code="bad_cursor") from error


def _rests(seen: Status) -> bool:
    """Nothing moves any more: nobody is to be sent anything and no receipt is awaited."""
    return seen.state in _RESTS and not (seen.state == "finished" and (seen.counts["sent"] or seen.counts["unknown"]))


def _show_progress(voice: Voice, seen: Status) -> None:
    parts_zh = [f"{words.zh} {number:,}" for words, number in _counted(seen)]
    parts_en = [f"{words.en} {number:,}" for words, number in _counted(seen)]
    voice.progress(f"{seen.state_words.zh}: {', '.join(parts_zh)}", f"{seen.state_words.en}: {', '.join(parts_en)}")


def _counted(seen: Status) -> list[tuple[Words, int]]:
    words = {line.state: line.state_words for line in seen.lines}
    return [(words[state], number) for state, number in seen.counts.items() if number and state in words]


def _show_status(voice: Voice, seen: Status) -> None:
    voice.line(f"{seen.name}: {seen.state_words.zh}", f"{seen.name}: {seen.state_words.en}")
    for note in seen.notes:
        voice.line(note.zh, note.en)
    voice.table(
        [("账号", "account"), ("状态", "state"), ("原因", "reason"), ("微信代码", "code"), ("人数", "people")],
        [
            (
                line.account_name,
                _word(line.state_words),
                None if line.reason_words is None else _word(line.reason_words),
                line.code,
                f"{line.number:,}",
            )
            for line in seen.lines
        ],
        empty=("还没有名单", "its recipients are not fixed yet"),
    )


def _show_forecast(voice: Voice, reach: Forecast) -> None:
    voice.line(
        f"分群 {reach.total:,} 人, 可送达 {reach.reached:,} 人", f"{reach.total:,} people in the segment, {reach.reached:,} can be reached"
    )
    voice.table(
        [("账号", "account"), ("人数", "people"), ("约需秒数", "seconds"), ("今日余额", "left today"), ("超出额度", "over quota")],
        [(each.name, f"{each.people:,}", each.seconds, f"{each.left_today:,}", each.over_quota) for each in reach.accounts],
        empty=("没有账号", "no account"),
    )
    for why, number in reach.left_out.items():
        words = reach.left_out_words[why]
        voice.line(f"未列入 {number:,} 人: {words.zh}", f"{number:,} left out: {words.en}")


def _word(words: Words) -> str:
    return say(words.zh, words.en)


def _forecast_document(reach: Forecast) -> dict[str, Any]:
    return {
        "total": reach.total,
        "reached": reach.reached,
        "accounts": [
            {
                "appid": each.appid,
                "people": each.people,
                "seconds": each.seconds,
                "left_today": each.left_today,
                "over_quota": each.over_quota,
            }
            for each in reach.accounts
        ],
        "left_out": reach.left_out,
    }


def _status_document(seen: Status) -> dict[str, Any]:
    return {
        "id": str(seen.public_id),
        "key": seen.key,
        "name": seen.name,
        "state": seen.state,
        "wave": seen.wave,
        "starts_at": iso(seen.starts_at),
        "frozen_at": iso(seen.frozen_at),
        "total": seen.total,
        "counts": seen.counts,
        "lines": [
            {"account": line.account, "state": line.state, "reason": line.reason, "code": line.code, "people": line.number}
            for line in seen.lines
        ],
        "notes": [str(note) for note in seen.notes],
    }
