"""`fanka tags`: the dictionary of tags, the rules that give them, and why somebody has one."""

import json
from typing import Any
from uuid import UUID

import click
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.commands.frame import command, paged
from app.commands.house import account_called, opened
from app.commands.speech import Voice, iso
from app.commands.starter import starter
from app.commands.tag_mirror import mirror
from app.core.errors import BadRequestError, NotFoundError
from app.core.nouns import Customer
from app.core.unit import reading, work
from tagging.models import CustomerTag, Tag, TagGroup, TagRule
from tagging.tags import define_group, define_rule, define_tag, find_tag, why_tagged

ACTOR = "cli"


@click.group()
def tags() -> None:
    """标签 · Tags."""


tags.add_command(starter)
tags.add_command(mirror)


@command(tags, "list")
@paged
def list_(voice: Voice, *, limit: int, after: str | None) -> None:
    """列出标签与人数 · List the tags and how many customers have each now."""
    with opened() as house:
        now = house.clock.now()
        alive = or_(CustomerTag.expires_at.is_(None), CustomerTag.expires_at > now)
        held = select(CustomerTag.tag_id, func.count().label("people")).where(alive).group_by(CustomerTag.tag_id).subquery()
        query = (
            select(Tag, TagGroup, func.coalesce(held.c.people, 0))
            .outerjoin(TagGroup, TagGroup.id == Tag.group_id)
            .outerjoin(held, held.c.tag_id == Tag.id)
            .order_by(Tag.name)
            .limit(limit + 1)
        )
        with reading(house.replica, timeout_ms=30_000) as session:
            rows = session.execute(query if after is None else query.where(Tag.name > after)).all()
    shown = rows[:limit]
    voice.table(
        [("标签", "tag"), ("组", "group"), ("互斥", "exclusive"), ("人数", "customers"), ("说明", "description")],
        [
            (tag.name, group.name if group else None, bool(group and group.exclusive), f"{people:,}", tag.description)
            for tag, group, people in shown
        ],
        empty=("还没有标签", "there is no tag yet"),
    )
    voice.answer(
        {
            "tags": [
                {
                    "id": str(tag.public_id),
                    "name": tag.name,
                    "group": group.name if group else None,
                    "exclusive": bool(group and group.exclusive),
                    "colour": tag.colour,
                    "description": tag.description,
                    "sensitive": tag.sensitive,
                    "customers": people,
                }
                for tag, group, people in shown
            ],
            "next": shown[-1][0].name if len(rows) > limit else None,
        }
    )


@command(tags, "define")
@click.argument("name")
@click.option("--group", default=None, help="标签组, 没有则新建 · its group, made when there is none of that name.")
@click.option("--exclusive", is_flag=True, help="新建的组互斥: 每人至多一个 · of a new group a customer has one tag at most.")
@click.option("--colour", default="#8c8c8c", show_default=True)
@click.option("--description", default="")
@click.option("--sensitive", is_flag=True, help="敏感 · shown and used only by those who may.")
def define(voice: Voice, *, name: str, group: str | None, exclusive: bool, colour: str, description: str, sensitive: bool) -> None:
    """定义标签 · Define a tag."""
    if exclusive and group is None:
        raise BadRequestError("--exclusive 需要 --group / --exclusive needs --group", code="no_group")
    with opened() as house, work(house.engine) as session:
        now = house.clock.now()
        found = None
        if group is not None:
            found = session.scalar(select(TagGroup).where(TagGroup.name == group))
            if found is None:
                found = define_group(session, group, exclusive=exclusive, actor=ACTOR, now=now)
            elif exclusive and not found.exclusive:
                raise BadRequestError(f"组 {group} 已存在且不互斥 / the group {group} exists and is not exclusive", code="group_free")
        tag = define_tag(session, name, group=found, colour=colour, description=description, sensitive=sensitive, actor=ACTOR, now=now)
        voice.line(f"已定义标签 {tag.name}", f"defined the tag {tag.name}")
        voice.answer({"id": str(tag.public_id), "name": tag.name, "group": group})


@tags.group()
def rule() -> None:
    """标签规则 · The rules that give tags; `fanka rules` lists their kinds."""


@command(rule, "add")
@click.argument("name")
@click.option("--tag", "tag_name", required=True, help="给出的标签 · the tag it gives.")
@click.option("--kind", required=True, help="规则种类 · a kind, as `fanka rules` lists them.")
@click.option("--params", required=True, help='参数 JSON · its parameters, as in \'{"keys": ["SHOP"]}\'.')
@click.option("--weight", type=float, default=1.0, show_default=True)
@click.option("--half-life-s", type=click.IntRange(1), default=None, help="权重减半的秒数 · after how long a weight is halved.")
@click.option("--expires-after-s", type=click.IntRange(1), default=None, help="多少秒后失效 · after how long the tag runs out.")
@click.option("--account", "appid", default=None, help="只看此账号的事实 · facts of this account only (AppID).")
@click.option("--position", type=click.IntRange(0), default=100, show_default=True)
def rule_add(
    voice: Voice,
    *,
    name: str,
    tag_name: str,
    kind: str,
    params: str,
    weight: float,
    half_life_s: int | None,
    expires_after_s: int | None,
    appid: str | None,
    position: int,
) -> None:
    """添加规则 · Add a rule, in force with the next fact."""
    given = parse_object(params, option="--params")
    with opened() as house:
        account_id = None if appid is None else account_called(house, appid).id
        with work(house.engine) as session:
            row = define_rule(
                session,
                name,
                kind=kind,
                params=given,
                tag=find_tag(session, tag_name),
                weight=weight,
                half_life_s=half_life_s,
                expires_after_s=expires_after_s,
                account_id=account_id,
                position=position,
                actor=ACTOR,
                now=house.clock.now(),
            )
        voice.line(f"已添加规则 {row.name}", f"added the rule {row.name}")
        voice.answer({"id": str(row.public_id), "name": row.name})


@command(rule, "list")
@paged
def rule_list(voice: Voice, *, limit: int, after: str | None) -> None:
    """列出规则 · List the rules."""
    with opened() as house, reading(house.engine) as session:
        query = select(TagRule, Tag.name).join(Tag, Tag.id == TagRule.tag_id).order_by(TagRule.name).limit(limit + 1)
        rows = session.execute(query if after is None else query.where(TagRule.name > after)).all()
    shown = rows[:limit]
    voice.table(
        [("规则", "rule"), ("种类", "kind"), ("标签", "tag"), ("参数", "parameters"), ("启用", "on")],
        [(row.name, row.kind, tag, row.params, row.enabled) for row, tag in shown],
        empty=("还没有规则", "there is no rule yet"),
    )
    voice.answer(
        {
            "rules": [
                {"id": str(row.public_id), "name": row.name, "kind": row.kind, "tag": tag, "params": row.params, "enabled": row.enabled}
                for row, tag in shown
            ],
            "next": shown[-1][0].name if len(rows) > limit else None,
        }
    )


@command(tags, "why")
@click.argument("customer", type=click.UUID)
@click.argument("tag")
def why(voice: Voice, *, customer: UUID, tag: str) -> None:
    """为何有此标签 · Why a customer has a tag: every piece of evidence, and what took it away before."""
    with opened() as house, reading(house.engine) as session:
        answer = why_tagged(session, customer_id(session, customer), tag=find_tag(session, tag), now=house.clock.now())
    voice.line(f"{answer.tag}: {'有' if answer.held else '没有'}", f"{answer.tag}: {'held' if answer.held else 'not held'}")
    voice.table(
        [
            ("来源", "source"),
            ("名称", "name"),
            ("账号", "account"),
            ("首次", "first"),
            ("最近", "last"),
            ("次数", "hits"),
            ("权重", "weight"),
        ],
        [(each.source, each.name, each.account, each.first.at, each.last.at, each.hits, f"{each.weight:.3g}") for each in answer.reasons],
        empty=("没有证据", "there is no evidence"),
    )
    for removal in answer.removals:
        voice.line(f"曾失去: {removal.why}", f"lost before: {removal.why}")
    voice.answer(
        {
            "tag": answer.tag,
            "customer": str(customer),
            "held": answer.held,
            "expires_at": iso(answer.expires_at),
            "reasons": [
                {
                    "source": each.source,
                    "name": each.name,
                    "account": each.account,
                    "first": {"kind": each.first.kind, "key": each.first.key, "at": iso(each.first.at)},
                    "last": {"kind": each.last.kind, "key": each.last.key, "at": iso(each.last.at)},
                    "hits": each.hits,
                    "weight": each.weight,
                    "expires_at": iso(each.expires_at),
                }
                for each in answer.reasons
            ],
            "removals": [{"why": each.why, "at": iso(each.at), "actor": each.actor} for each in answer.removals],
        }
    )


def customer_id(session: Session, public_id: UUID) -> int:
    """A customer's row, also through the one he was joined into. Raises NotFoundError."""
    row = session.scalar(select(Customer).where(Customer.public_id == public_id))
    while row is not None and row.joined_into_id is not None:
        row = session.get(Customer, row.joined_into_id)
    if row is None:
        raise NotFoundError(f"没有顾客 {public_id} / there is no customer {public_id}", code="no_customer")
    return row.id


def parse_object(text: str, *, option: str) -> dict[str, Any]:
    """A JSON object given on the command line. Raises BadRequestError."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadRequestError(f"{option} 应为 JSON 对象 / {option} is a JSON object", code="bad_json")
    return found
