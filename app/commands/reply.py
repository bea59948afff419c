"""`fanka reply`: the rules by which an account answers."""

import json
from typing import IO, Any
from uuid import UUID

import click

from app.commands.frame import command, paged
from app.commands.house import account_called, opened
from app.commands.speech import Voice, iso
from app.core.errors import BadRequestError
from app.core.unit import reading, work
from handlers.models import Match, Records, ReplyRule, Trigger
from handlers.rules import add_rule, list_rules, remove_rule

ACTOR = "cli"
_MOST = 1 << 20


@click.group()
def reply() -> None:
    """自动回复 · What an account answers by itself."""


@command(reply, "list")
@click.option("--account", "appid", default=None, help="只看一个账号 · of one account, with those of all accounts (AppID).")
@paged
def list_(voice: Voice, *, appid: str | None, limit: int, after: str | None) -> None:
    """列出规则 · List the rules in the order in which they are tried."""
    with opened() as house:
        account_id = None if appid is None else account_called(house, appid).id
        names = {account.id: account.appid for account in house.accounts.all()}
        with reading(house.engine) as session:
            rows = list_rules(session, account_id=account_id)
    if after is not None:
        places = [place for place, row in enumerate(rows) if str(row.public_id) == after]
        if not places:
            raise BadRequestError(f"没有规则 {after} / there is no rule {after}", code="bad_cursor")
        rows = rows[places[0] + 1 :]
    shown = rows[:limit]
    voice.table(
        [
            ("编号", "id"),
            ("名称", "name"),
            ("触发", "trigger"),
            ("内容", "pattern"),
            ("账号", "account"),
            ("记录", "records"),
            ("启用", "on"),
        ],
        [
            (row.public_id, row.name, row.trigger, row.pattern, names.get(row.account_id or 0, "*"), row.records, row.enabled)
            for row in shown
        ],
        empty=("还没有规则", "there is no rule yet"),
    )
    voice.answer(
        {
            "rules": [_document(row, names) for row in shown],
            "next": str(shown[-1].public_id) if len(rows) > limit else None,
        }
    )


@command(reply, "add")
@click.argument("name")
@click.option("--on", "trigger", type=click.Choice([str(each) for each in Trigger]), required=True, help="由什么触发 · what it answers to.")
@click.option("--pattern", default="", help="关键词, 菜单键或场景 · the keyword, menu key or scene.")
@click.option("--match", type=click.Choice([str(each) for each in Match]), default="exact", show_default=True)
@click.option("--text", default=None, help="回复文字 · the text to answer with.")
@click.option(
    "--reply",
    "body",
    type=click.File("r"),
    default=None,
    help="回复的 JSON 文件 · a JSON file with any kind of reply, - for standard input.",
)
@click.option(
    "--records", type=click.Choice([str(each) for each in Records]), default=None, help="记录同意或撤回 · the consent it puts on record."
)
@click.option("--version", "consent_version", default=None, help="同意文本的版本 · which wording was agreed to.")
@click.option("--account", "appid", default=None, help="只用于此账号 · for this account only (AppID).")
@click.option("--priority", type=click.IntRange(0, 1_000_000), default=100, show_default=True, help="小者优先 · the lower number wins.")
def add(
    voice: Voice,
    *,
    name: str,
    trigger: str,
    pattern: str,
    match: str,
    text: str | None,
    body: IO[str] | None,
    records: str | None,
    consent_version: str | None,
    appid: str | None,
    priority: int,
) -> None:
    """添加规则 · Add a rule; heard by every process within a second."""
    if text is not None and body is not None:
        raise BadRequestError("--text 与 --reply 只能用一个 / use --text or --reply, not both", code="bad_rule")
    said = read_json(body) if body is not None else None if text is None else {"type": "text", "content": text}
    with opened() as house:
        account_id = None if appid is None else account_called(house, appid).id
        wish = {
            "name": name,
            "trigger": trigger,
            "match": match,
            "pattern": pattern,
            "reply": said,
            "records": records,
            "consent_version": consent_version,
            "priority": priority,
            "account_id": account_id,
        }
        with work(house.engine) as session:
            row = add_rule(session, wish, house=house, actor=ACTOR)
        voice.line(f"已添加规则 {row.name}", f"added the rule {row.name}")
        voice.answer({"id": str(row.public_id), "name": row.name})


@command(reply, "remove")
@click.argument("rule", type=click.UUID)
def remove(voice: Voice, *, rule: UUID) -> None:
    """删除规则 · Remove a rule by its id."""
    with opened() as house, work(house.engine) as session:
        remove_rule(session, rule, house=house, actor=ACTOR)
    voice.line("已删除", "removed")
    voice.answer({"removed": str(rule)})


def read_json(file: IO[str]) -> Any:
    """What a JSON file holds, up to a megabyte. Raises BadRequestError."""
    text = file.read(_MOST + 1)
    try:
        return json.loads(text if len(text) <= _MOST else "")
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"{file.name} 不是 JSON / {file.name} is not JSON", code="bad_json") from error


def _document(row: ReplyRule, names: dict[int, str]) -> dict[str, Any]:
    return {
        "id": str(row.public_id),
        "name": row.name,
        "trigger": str(row.trigger),
        "match": str(row.match),
        "pattern": row.pattern,
        "reply": row.reply,
        "records": None if row.records is None else str(row.records),
        "consent_version": row.consent_version,
        "account": None if row.account_id is None else names.get(row.account_id),
        "priority": row.priority,
        "enabled": row.enabled,
        "changed_at": iso(row.changed_at),
    }
