"""`fanka audit`: who changed what, when."""

import json
from datetime import datetime

import click

from app.commands.days import read_span, spanned
from app.commands.frame import command, paged
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.audit import Sought, read_audit
from app.core.clock import SHANGHAI
from app.core.errors import BadRequestError
from app.core.unit import reading

_WIDEST = 60


@click.group()
def audit() -> None:
    """审计 · The audit: every change of money, rights or personal data, appended and never changed."""


@command(audit, "list")
@click.option("--actor", default="", help="谁 · who: a login, `cli`, a clerk's name, an API client.")
@click.option("--action", default="", help="做了什么 · what, as in staff.added, or staff.* for all of staff.")
@click.option("--type", "object_type", default="", help="对象种类 · the kind of thing, as in coupon.")
@click.option("--object", "object_id", default="", help="对象编号 · the thing's id.")
@spanned
@paged
def list_entries(
    voice: Voice,
    *,
    actor: str,
    action: str,
    object_type: str,
    object_id: str,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    after: str | None,
) -> None:
    """查审计, 最新在前; 不给日期则不限日期 · Read the audit, the newest first; without days it is not limited to any."""
    if after is not None and (not after.isascii() or not after.isdigit() or len(after) > 18):
        raise BadRequestError("--after 取上一页的 next / --after takes the `next` of the page before", code="bad_cursor")
    with opened() as house, reading(house.engine) as session:
        now = house.clock.now()
        start = None if since is None else read_span(since, since, now=now)[2]
        end = None if until is None else read_span(until, until, now=now)[3]
        sought = Sought(actor, action, object_type, object_id, start, end)
        rows = read_audit(session, sought, limit=limit + 1, before=None if after is None else int(after))
    shown = rows[:limit]
    heads = [("时间", "when"), ("谁", "who"), ("做了什么", "what"), ("对象", "object"), ("细节", "detail")]
    table = [
        (
            row.at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S"),
            row.actor,
            row.action,
            f"{row.object_type} {row.object_id}",
            _short(row.detail),
        )
        for row in shown
    ]
    voice.table(heads, table, empty=("没有符合的记录", "there is no such entry"))
    entries = [
        {
            "at": row.at.isoformat(),
            "actor": row.actor,
            "action": row.action,
            "object": {"type": row.object_type, "id": row.object_id},
            "detail": row.detail,
        }
        for row in shown
    ]
    voice.answer({"entries": entries, "next": str(shown[-1].id) if len(rows) > limit else None})


def _short(detail: dict[str, object]) -> str:
    text = json.dumps(detail, ensure_ascii=False, sort_keys=True) if detail else ""
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
