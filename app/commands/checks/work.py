"""Is anything left lying: events nobody takes from the inbox, reactions that wait, dead letters?"""

import time
from collections.abc import Iterator
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.commands.checks.finding import Finding, bad, ok, warn
from app.core.dead import DeadLetterRow
from app.core.house import House
from app.core.unit import reading

_STALE_S = 60


def check_work(house: House) -> Iterator[Finding]:
    """What waits and for how long."""
    try:
        waiting = house.inbox.waiting()
        oldest: Any = house.inbox.redis.xrange(house.inbox.stream, count=1)
    except RedisError:
        return
    age_s = time.time() - int(oldest[0][0].split(b"-")[0]) / 1000 if oldest else 0.0
    if age_s > _STALE_S:
        yield bad(
            "inbox",
            f"{waiting:,} 个事件在等, 最久 {age_s:,.0f} 秒: ingest 进程在运行吗?",
            f"{waiting:,} events wait, the oldest for {age_s:,.0f} s: does an ingest process run?",
        )
    else:
        yield ok("inbox", f"{waiting:,} 个事件在等", f"{waiting:,} events wait")
    try:
        with reading(house.engine, timeout_ms=10_000) as session:
            dead = session.scalar(select(func.count()).select_from(DeadLetterRow).where(DeadLetterRow.replayed_at.is_(None))) or 0
    except SQLAlchemyError:
        return
    if dead:
        yield warn("dead letters", f"{dead:,} 条死信: fanka dead list", f"{dead:,} dead letters: `fanka dead list`")
