"""From the stream to committed facts and tags: batches of 500, bisected when data is bad, paused when a part is away."""

import socket
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core import kinds
from app.core.accounts import OpenAccount
from app.core.bulk import as_json, columns_of, rows_of, table_of
from app.core.facts import Fact, fact_key
from app.core.followers import Sighting, meet
from app.core.house import House
from app.core.inbound import InboundRow
from app.core.inbox import Entry
from app.core.observe import observe
from app.core.unit import work

BATCH = 500

_COLUMNS = ("key", "account_id", "occurred_at", "received_at")
_INBOUNDS = table_of(InboundRow)
_ROWS = rows_of(columns_of(_INBOUNDS, *_COLUMNS), "inbounds")
_INSERT = (
    pg_insert(_INBOUNDS)
    .from_select(list(_COLUMNS), select(*(_ROWS.c[name] for name in _COLUMNS)).order_by(_ROWS.c.key))
    .on_conflict_do_nothing(index_elements=["key"])
    .returning(_INBOUNDS.c.key)
)


class UnknownAccountError(ValueError):
    """An entry names an account that this house does not have."""


def consumer_name(number: int) -> str:
    """The stable name of an ingest process on this machine: after a crash it finds its own pending entries again."""
    return f"{socket.gethostname()}-{number}"


def record_now(house: House, entry: Entry) -> None:
    """Record one entry straight into PostgreSQL, for when the inbox is gone or full."""
    with work(house.engine) as session:
        record_batch(session, [entry], house=house)


def record_batch(session: Session, entries: Sequence[Entry], *, house: House) -> int:
    """Record entries in this transaction and say how many were new. A repeat is refused at its inbound row and adds no fact.

    Raises UnknownAccountError, or whatever the database says of bad data.
    """
    now = house.clock.now()
    accounts = {entry.appid: _account(house, entry.appid) for entry in entries}
    fresh = _new_entries(session, entries, accounts=accounts)
    personal = [entry for entry in fresh if entry.openid and not _about_nobody(entry)]
    seen = {entry.key: Sighting(accounts[entry.appid].id, entry.appid, entry.openid) for entry in personal}
    followers = meet(session, seen.values(), now=now)
    facts: list[Fact] = []
    openids: dict[int, str] = {}
    for entry in fresh:
        sighting = seen.get(entry.key)
        follower = None if sighting is None else followers[sighting.account_id, sighting.digest]
        if follower is not None:
            openids[follower.id] = entry.openid
        facts += [
            Fact(
                key=fact_key(entry.key, draft),
                kind=draft.kind,
                occurred_at=entry.occurred_at,
                data=draft.data,
                customer_id=None if follower is None else follower.customer_id,
                follower_id=None if follower is None else follower.id,
                account_id=accounts[entry.appid].id,
            )
            for draft in entry.drafts
        ]
    retention = {account.id: account.retention for account in accounts.values()}
    met = {follower.id: follower for follower in followers.values()}
    observe(session, facts, registry=house.registry, retention=retention, now=now, openids=openids, met=met)
    return len(fresh)


def _new_entries(session: Session, entries: Sequence[Entry], *, accounts: dict[str, OpenAccount]) -> list[Entry]:
    unique: dict[str, Entry] = {}
    for entry in entries:
        unique.setdefault(entry.key, entry)
    rows = [
        {"key": entry.key, "account_id": accounts[entry.appid].id, "occurred_at": entry.occurred_at, "received_at": entry.received_at}
        for entry in unique.values()
    ]
    new = set(session.scalars(_INSERT, {"inbounds": as_json(rows)}))
    return [entry for entry in unique.values() if entry.key in new]


def _account(house: House, appid: str) -> OpenAccount:
    account = house.accounts.by_appid(appid)
    if account is None:
        house.accounts.forget()
        account = house.accounts.by_appid(appid)
    if account is None:
        raise UnknownAccountError(appid)
    return account


def _about_nobody(entry: Entry) -> bool:
    return bool(entry.drafts) and all(draft.kind in kinds.ABOUT_NOBODY for draft in entry.drafts)
