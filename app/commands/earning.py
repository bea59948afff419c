"""`fanka earning`: the rules by which members earn points."""

import json
from datetime import datetime
from typing import IO, Any, get_args

import click

from app.commands.frame import command
from app.commands.house import opened
from app.commands.money import ACTOR
from app.commands.reply import read_json
from app.commands.speech import Voice, iso
from app.core.clock import SHANGHAI
from app.core.errors import BadRequestError
from app.core.unit import reading, work
from cards.programmes import programme_called, unit_called
from cards.rule_words import members_rules
from cards.rulebook import Pick, define_group, define_rule, earning_kinds, end_rule, rules_at

_PROGRAMME = click.option("--programme", default=None, help="会员计划, 只有一个时可省 · its programme.")
_WHEN = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"])


@click.group()
def earning() -> None:
    """积分规则 · Rules for earning points."""


@command(earning, "define")
@click.argument("name")
@click.argument("kind")
@click.argument("params", type=click.File("r"))
@click.option("--from", "since", type=_WHEN, default=None, help="何时起 (上海时间), 默认现在 · from when, now by default.")
@click.option("--to", "until", type=_WHEN, default=None, help="何时止 · until when.")
@click.option("--group", default=None, help="规则组 · its group.")
@click.option("--priority", type=click.IntRange(0, 10_000), default=100, show_default=True)
@click.option("--unit", default=None, help="由哪个事业部承担 · which unit owes the points of a rule that is not about orders.")
@_PROGRAMME
def define(
    voice: Voice,
    *,
    name: str,
    kind: str,
    params: IO[str],
    since: datetime | None,
    until: datetime | None,
    group: str | None,
    priority: int,
    unit: str | None,
    programme: str | None,
) -> None:
    """定义规则或其新版本; 参数为 JSON {params, caps} · Define a rule or its next version from a JSON file of params and caps, - for standard input."""
    said = read_json(params)
    if not isinstance(said, dict) or set(said) - {"params", "caps"} or not isinstance(said.get("params"), dict):
        raise BadRequestError('文件须为 {"params": {...}, "caps": [...]} / the file is {"params": {...}, "caps": [...]}', code="bad_params")
    caps: list[dict[str, Any]] = said.get("caps", [])
    with opened() as house, work(house.engine) as session:
        version = define_rule(
            session,
            programme_id=programme_called(session, programme).id,
            name=name,
            kind=kind,
            params=said["params"],
            caps=caps if isinstance(caps, list) else [{}],
            valid_from=_moment(since),
            valid_to=_moment(until),
            group=group,
            priority=priority,
            unit_id=None if unit is None else unit_called(session, unit).id,
            now=house.clock.now(),
            actor=ACTOR,
        )
        voice.line(f"规则 {name} 第 {version.number} 版", f"version {version.number} of the rule {name}")
        voice.answer({"name": name, "version": version.number, "from": iso(version.valid_from), "to": iso(version.valid_to)})


@command(earning, "end")
@click.argument("name")
@_PROGRAMME
def end(voice: Voice, *, name: str, programme: str | None) -> None:
    """停用规则 · Let a rule rest from now on."""
    with opened() as house, work(house.engine) as session:
        now = house.clock.now()
        end_rule(session, programme_id=programme_called(session, programme).id, name=name, at=now, now=now, actor=ACTOR)
    voice.line(f"已停用 {name}", f"{name} rests")
    voice.answer({"name": name, "to": iso(now)})


@command(earning, "group")
@click.argument("name")
@click.argument("pick", type=click.Choice(get_args(Pick)))
@_PROGRAMME
def group_(voice: Voice, *, name: str, pick: Pick, programme: str | None) -> None:
    """规则组: 取第一条、最好的或全部 · A group of rules of which the first, the best or all count."""
    with opened() as house, work(house.engine) as session:
        programme_id = programme_called(session, programme).id
        define_group(session, programme_id=programme_id, name=name, pick=pick, actor=ACTOR, now=house.clock.now())
    voice.line(f"{name}: {pick}", f"{name}: {pick}")
    voice.answer({"name": name, "pick": pick})


@command(earning, "list")
@_PROGRAMME
def list_(voice: Voice, *, programme: str | None) -> None:
    """列出现行规则 · List the rules in force now."""
    with opened() as house, reading(house.replica) as session:
        rules = rules_at(session, programme_id=programme_called(session, programme).id, at=house.clock.now())
    voice.table(
        [("规则", "rule"), ("类型", "kind"), ("次序", "priority"), ("参数", "parameters")],
        [(rule.name, rule.kind.name, rule.priority, json.dumps(rule.params.model_dump(mode="json"), ensure_ascii=False)) for rule in rules],
        empty=("没有规则", "there is no rule"),
    )
    listed = [
        {
            "id": str(rule.public_id),
            "name": rule.name,
            "kind": rule.kind.name,
            "priority": rule.priority,
            "params": rule.params.model_dump(mode="json"),
        }
        for rule in rules
    ]
    voice.answer({"rules": listed, "kinds": sorted(earning_kinds())})


@command(earning, "words")
@_PROGRAMME
def words(voice: Voice, *, programme: str | None) -> None:
    """会员看到的规则 · The rules as members read them, written by the rules themselves."""
    with opened() as house, reading(house.replica) as session:
        said = members_rules(session, programme=programme_called(session, programme), at=house.clock.now())
    for each in said:
        voice.line(f"{each.name}: {each.zh}", f"{each.name}: {each.en}")
    voice.answer({"rules": [{"name": each.name, "zh": each.zh, "en": each.en} for each in said]})


def _moment(given: datetime | None) -> datetime | None:
    return None if given is None else given.replace(tzinfo=SHANGHAI)
