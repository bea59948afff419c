"""Scans become touches: the first and the last channel of a follower, and every one he ever came through."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core import kinds
from app.core.facts import Fact, FactRow
from tagging.scans import SCANNED, find_channels

_TOUCH = text(
    """
    INSERT INTO touch AS held (follower_id, first_channel_id, first_key, first_at, last_channel_id, last_key, last_at)
    SELECT follower_id, first_channel_id, first_key, first_at, last_channel_id, last_key, last_at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS scan(
        follower_id bigint, first_channel_id bigint, first_key text, first_at timestamptz,
        last_channel_id bigint, last_key text, last_at timestamptz)
    ORDER BY follower_id
    ON CONFLICT (follower_id) DO UPDATE SET
        (first_channel_id, first_key, first_at) = (SELECT e.channel_id, e.key, e.at FROM (VALUES
            (held.first_channel_id, held.first_key, held.first_at),
            (EXCLUDED.first_channel_id, EXCLUDED.first_key, EXCLUDED.first_at)) AS e(channel_id, key, at)
            ORDER BY e.at, e.key COLLATE "C" LIMIT 1),
        (last_channel_id, last_key, last_at) = (SELECT e.channel_id, e.key, e.at FROM (VALUES
            (held.last_channel_id, held.last_key, held.last_at),
            (EXCLUDED.last_channel_id, EXCLUDED.last_key, EXCLUDED.last_at)) AS e(channel_id, key, at)
            ORDER BY e.at DESC, e.key COLLATE "C" DESC LIMIT 1)
    """
)
_VISIT = text(
    """
    INSERT INTO channel_visit AS held (channel_id, follower_id, first_at, last_at, visits)
    SELECT channel_id, follower_id, first_at, last_at, visits
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS scan(
        channel_id bigint, follower_id bigint, first_at timestamptz, last_at timestamptz, visits integer)
    ORDER BY channel_id, follower_id
    ON CONFLICT (channel_id, follower_id) DO UPDATE SET
        first_at = LEAST(held.first_at, EXCLUDED.first_at),
        last_at = GREATEST(held.last_at, EXCLUDED.last_at),
        visits = held.visits + EXCLUDED.visits
    """
)
_FORGET = (text("DELETE FROM touch WHERE follower_id = :id"), text("DELETE FROM channel_visit WHERE follower_id = :id"))


class Touches:
    name = "touches"
    order = 32
    listens: Collection[str] = (SCANNED, kinds.ERASED)

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        """Rows hang on the follower, so joining and parting customers needs nothing here."""
        del now
        _touch(session, [fact for fact in facts if fact.kind == SCANNED and fact.follower_id is not None])
        for fact in facts:
            if fact.kind == kinds.ERASED and fact.follower_id is not None:
                _erase(session, fact.follower_id, erased_at=fact.occurred_at)


def _touch(session: Session, scans: Sequence[Fact]) -> None:
    channels = find_channels(session, scans)
    touches: dict[int, dict[str, Any]] = {}
    visits: dict[tuple[int, int], dict[str, Any]] = {}
    for fact in sorted(scans, key=lambda each: (each.occurred_at, each.key)):
        channel, follower_id = channels.get(fact.key), fact.follower_id
        if channel is None or follower_id is None:
            continue
        begin = {"follower_id": follower_id, "first_channel_id": channel.id, "first_key": fact.key, "first_at": fact.occurred_at}
        touch = touches.setdefault(follower_id, begin)
        touch.update(last_channel_id=channel.id, last_key=fact.key, last_at=fact.occurred_at)
        start = {"channel_id": channel.id, "follower_id": follower_id, "first_at": fact.occurred_at, "visits": 0}
        visit = visits.setdefault((channel.id, follower_id), start)
        visit.update(last_at=fact.occurred_at, visits=visit["visits"] + 1)
    if touches:
        session.execute(_TOUCH, {"rows": orjson.dumps(list(touches.values())).decode()})
        session.execute(_VISIT, {"rows": orjson.dumps(list(visits.values())).decode()})


def _erase(session: Session, follower_id: int, *, erased_at: datetime) -> None:
    """Forget his touches; scans from after his erasure are touches still."""
    for forget in _FORGET:
        session.execute(forget, {"id": follower_id})
    rows = session.query(FactRow).where(FactRow.follower_id == follower_id, FactRow.kind == SCANNED, FactRow.occurred_at > erased_at)
    _touch(session, [Fact(row.key, row.kind, row.occurred_at, row.data, row.customer_id, row.follower_id, row.account_id) for row in rows])


plugin = Touches()
