"""`fanka client`: the programs that may call the open API, and their keys."""

import click
from sqlalchemy import select

from app.commands.frame import command, paged
from app.commands.house import opened
from app.commands.money import ACTOR
from app.commands.speech import Voice, iso
from app.core.clients import SCOPES, ApiClient, add_client, revoke_client
from app.core.unit import reading, work
from cards.programmes import programme_called, unit_called


@click.group()
def client() -> None:
    """开放接口的调用方 · Clients of the open API."""


@command(client, "add")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(list(SCOPES)), help="权限, 可多个 · what it may do.")
@click.option("--unit", default=None, help="只为这个事业部 · for this business unit only.")
@click.option("--programme", default=None, help="会员计划, 只有一个时可省 · its programme.")
def add(voice: Voice, *, name: str, scopes: tuple[str, ...], unit: str | None, programme: str | None) -> None:
    """添加调用方并显示密钥, 只显示这一次 · Add a client and show its key, this once."""
    with opened() as house, work(house.engine) as session:
        made, key = add_client(
            session,
            name=name,
            scopes=list(scopes),
            programme_id=programme_called(session, programme).id,
            unit_id=None if unit is None else unit_called(session, unit).id,
            actor=ACTOR,
            now=house.clock.now(),
        )
        voice.line(f"已添加 {made.name}; 密钥 {key}", f"added {made.name}; its key is {key}")
        voice.answer({"id": str(made.public_id), "name": made.name, "scopes": made.scopes, "key": key})


@command(client, "list")
@paged
def list_(voice: Voice, *, limit: int, after: str | None) -> None:
    """列出调用方, 不含密钥 · List the clients, never their keys."""
    with opened() as house, reading(house.engine) as session:
        query = select(ApiClient).order_by(ApiClient.name).limit(limit + 1)
        rows = list(session.scalars(query if after is None else query.where(ApiClient.name > after)))
    shown = rows[:limit]
    voice.table(
        [("名称", "name"), ("权限", "scopes"), ("添加", "added"), ("吊销", "revoked")],
        [(row.name, " ".join(row.scopes), row.created_at, row.revoked_at) for row in shown],
        empty=("还没有调用方", "there is no client yet"),
    )
    listed = [
        {
            "id": str(row.public_id),
            "name": row.name,
            "scopes": row.scopes,
            "added_at": iso(row.created_at),
            "revoked_at": iso(row.revoked_at),
        }
        for row in shown
    ]
    voice.answer({"clients": listed, "next": shown[-1].name if len(rows) > limit else None})


@command(client, "revoke")
@click.argument("name")
def revoke(voice: Voice, *, name: str) -> None:
    """吊销密钥, 立即生效 · Cut a client off, at once and for good."""
    with opened() as house, work(house.engine) as session:
        gone = revoke_client(session, name=name, actor=ACTOR, now=house.clock.now())
        voice.line(f"已吊销 {gone.name}", f"revoked {gone.name}")
        voice.answer({"id": str(gone.public_id), "revoked_at": iso(gone.revoked_at)})
