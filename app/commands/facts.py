"""`fanka facts`: how many facts of each kind are on record, and single facts without what is personal."""

from typing import Any

import click
from sqlalchemy import select

from app.commands.frame import command, paged
from app.commands.house import account_called, opened
from app.commands.speech import Voice, iso
from app.core.errors import NotFoundError
from app.core.facts import FactRow, count_kinds
from app.core.nouns import Account, Customer
from app.core.unit import reading

# What a person wrote, where he is, and who he is stay in the database; a terminal keeps a history.
_PERSONAL = frozenset({"text", "content", "lat", "lng", "precision", "label", "poi", "phone", "name", "openid", "url", "fields", "ticket"})


@click.group()
def facts() -> None:
    """事实 · What happened."""


@command(facts, "count")
@click.option("--account", "appid", default=None, help="只看一个账号 · of one account only (AppID).")
def count(voice: Voice, *, appid: str | None) -> None:
    """按种类计数 · Count the facts by kind."""
    with opened() as house:
        account_id = None if appid is None else account_called(house, appid).id
        with reading(house.replica) as session:
            counts = count_kinds(session, account_id=account_id)
    total = sum(counts.values())
    voice.table([("种类", "kind"), ("条数", "facts")], sorted(counts.items()), empty=("还没有事实", "there is no fact yet"))
    if counts:
        voice.line(f"共 {total:,} 条", f"{total:,} in all")
    voice.answer({"total": total, "kinds": counts})


@command(facts, "show")
@click.option("--kind", default=None, help="只看一种 · of one kind only, as in menu.clicked.")
@click.option("--account", "appid", default=None, help="只看一个账号 · of one account only (AppID).")
@click.option("--customer", default=None, type=click.UUID, help="只看一位顾客 · of one customer only (public id).")
@paged
def show(voice: Voice, *, kind: str | None, appid: str | None, customer: object, limit: int, after: str | None) -> None:
    """列出事实 · List facts in the order they were recorded, without words, places and names."""
    with opened() as house:
        account_id = None if appid is None else account_called(house, appid).id
        query = (
            select(FactRow, Account.appid, Customer.public_id)
            .outerjoin(Account, Account.id == FactRow.account_id)
            .outerjoin(Customer, Customer.id == FactRow.customer_id)
            .order_by(FactRow.id)
            .limit(limit + 1)
        )
        with reading(house.replica, timeout_ms=30_000) as session:
            if after is not None:
                place = session.scalar(select(FactRow.id).where(FactRow.key == after))
                if place is None:
                    raise NotFoundError(f"没有事实 {after} / there is no fact {after}", code="no_fact")
                query = query.where(FactRow.id > place)
            if kind is not None:
                query = query.where(FactRow.kind == kind)
            if account_id is not None:
                query = query.where(FactRow.account_id == account_id)
            if customer is not None:
                query = query.where(Customer.public_id == customer)
            rows = session.execute(query).all()
    shown = rows[:limit]
    documents: list[dict[str, Any]] = [
        {
            "key": fact.key,
            "kind": fact.kind,
            "appid": of,
            "customer": None if who is None else str(who),
            "occurred_at": iso(fact.occurred_at),
            "recorded_at": iso(fact.recorded_at),
            "data": {name: "***" if name in _PERSONAL else value for name, value in fact.data.items()},
        }
        for fact, of, who in shown
    ]
    voice.table(
        [("时间", "occurred"), ("种类", "kind"), ("账号", "account"), ("顾客", "customer"), ("内容", "data")],
        [
            (fact.occurred_at, fact.kind, of, who, ", ".join(f"{name}={value}" for name, value in document["data"].items()))
            for (fact, of, who), document in zip(shown, documents, strict=True)
        ],
        empty=("没有这样的事实", "there is no such fact"),
    )
    voice.answer({"facts": documents, "next": shown[-1][0].key if len(rows) > limit else None})
