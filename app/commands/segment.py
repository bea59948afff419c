"""`fanka segment`: who belongs to a group of customers, how many they are, and why somebody does or does not."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from sqlalchemy.orm import Session

from app.commands.frame import command, paged
from app.commands.house import opened
from app.commands.speech import Voice, iso
from app.commands.tags import customer_id
from app.core.errors import BadRequestError
from app.core.unit import reading, work
from tagging.saved_segments import find_segment, list_segments, recount, save_segment
from tagging.segments import Tree, Verdict, count_segment, explain, list_members, parse_tree, verify_tree

ACTOR = "cli"
_MOST = 1 << 20


@click.group()
def segment() -> None:
    """分群 · Segments."""


@command(segment, "save")
@click.argument("name")
@click.argument("tree")
@click.option("--description", default="")
def save(voice: Voice, *, name: str, tree: str, description: str) -> None:
    """保存分群 · Keep a tree of conditions (JSON or @file) under a name."""
    with opened() as house, work(house.engine) as session:
        now = house.clock.now()
        kept = save_segment(session, name, read_tree(tree), description=description, actor=ACTOR, now=now)
        number = recount(session, kept, now=now)
        voice.line(f"已保存 {kept.name}: {number:,} 人", f"kept {kept.name}: {number:,} people")
        voice.answer({"id": str(kept.public_id), "name": kept.name, "count": number, "counted_at": iso(now)})


@command(segment, "count")
@click.argument("which")
def count(voice: Voice, *, which: str) -> None:
    """计数 · Count a segment now: by its name, a tree as JSON, or @file."""
    with opened() as house, work(house.engine) as session:
        now = house.clock.now()
        if _is_name(which):
            number = recount(session, find_segment(session, which), now=now)
        else:
            number = count_segment(session, _tree(session, which), now=now)
        voice.line(f"{number:,} 人", f"{number:,} people")
        voice.answer({"count": number, "counted_at": iso(now)})


@command(segment, "list")
@click.argument("which", required=False)
@paged
def list_(voice: Voice, *, which: str | None, limit: int, after: str | None) -> None:
    """列出分群, 或一个分群的成员 · List the segments, or the members of one."""
    with opened() as house:
        if which is None:
            _list_kept(voice, house.engine, limit=limit, after=after)
            return
        with reading(house.replica, timeout_ms=30_000) as session:
            start = None if after is None else _cursor(after)
            page = list_members(session, _tree(session, which), now=house.clock.now(), after=start, limit=min(limit, 500))
    voice.table([("顾客", "customer")], [(member,) for member in page.members], empty=("没有人", "nobody"))
    voice.answer({"members": [str(member) for member in page.members], "next": None if page.after is None else str(page.after)})


@command(segment, "explain")
@click.argument("which")
@click.argument("customer", type=click.UUID)
def explain_(voice: Voice, *, which: str, customer: UUID) -> None:
    """为何在内 · Why a customer is in a segment or not: every node with its verdict."""
    with opened() as house, reading(house.replica, timeout_ms=30_000) as session:
        verdict = explain(session, _tree(session, which), customer_id(session, customer), now=house.clock.now())
    _print(voice, verdict, depth=0)
    voice.answer({"customer": str(customer), "verdict": _document(verdict)})


def read_tree(text: str) -> Any:
    """A tree given as JSON or as @file. Raises BadRequestError."""
    try:
        if text.startswith("@"):
            path = Path(text[1:])
            text = path.read_text() if path.stat().st_size <= _MOST else ""
        return json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise BadRequestError("条件树应为 JSON 或 @文件 / a tree is JSON, or @file", code="bad_segment") from error


def _is_name(which: str) -> bool:
    return not which.lstrip().startswith(("{", "@"))


def _tree(session: Session, which: str) -> Tree:
    tree = parse_tree(find_segment(session, which).tree if _is_name(which) else read_tree(which))
    verify_tree(session, tree)
    return tree


def _list_kept(voice: Voice, engine: Any, *, limit: int, after: str | None) -> None:
    with reading(engine) as session:
        rows = list_segments(session, after=after, limit=limit + 1)
    shown = rows[:limit]
    voice.table(
        [("名称", "name"), ("人数", "people"), ("计数时间", "counted at"), ("说明", "description")],
        [(row.name, row.counted, row.counted_at, row.description) for row in shown],
        empty=("还没有分群", "there is no segment yet"),
    )
    voice.answer(
        {
            "segments": [
                {"id": str(row.public_id), "name": row.name, "tree": row.tree, "count": row.counted, "counted_at": iso(row.counted_at)}
                for row in shown
            ],
            "next": shown[-1].name if len(rows) > limit else None,
        }
    )


def _cursor(after: str) -> UUID:
    try:
        return UUID(after)
    except ValueError as error:
        raise BadRequestError(f"{after} 不是编号 / {after} is no id", code="bad_cursor") from error


def _print(voice: Voice, verdict: Verdict, *, depth: int) -> None:
    line = f"{'  ' * depth}{'✓' if verdict.holds else '✗'} {verdict.node}: {verdict.why}"
    voice.line(line, line)
    for child in verdict.children:
        _print(voice, child, depth=depth + 1)


def _document(verdict: Verdict) -> dict[str, Any]:
    return {"node": verdict.node, "holds": verdict.holds, "why": verdict.why, "children": [_document(child) for child in verdict.children]}
