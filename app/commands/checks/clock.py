"""Does this machine's clock agree with the database, Redis and WeChat?"""

import http.client
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.commands.checks.finding import Finding, bad, ok
from app.core.house import House

MOST_S = 5.0
_TIMEOUT_S = 5


def check_clock(house: House) -> Iterator[Finding]:
    """One line: how far apart the clocks are, or which of them is wrong. What does not answer is another check's matter."""
    others: dict[str, Callable[[House], float | None]] = {"PostgreSQL": _of_database, "Redis": _of_redis, "WeChat": _of_wechat}
    apart = {name: gap for name, ask in others.items() if (gap := _gap(ask, house)) is not None}
    if not apart:
        return
    far = {name: gap for name, gap in apart.items() if abs(gap) > MOST_S}
    if far:
        shown = ", ".join(f"{name} {gap:+.0f} s" for name, gap in far.items())
        yield bad(
            "clock",
            f"时钟相差太大: {shown}; 微信的请求会被拒绝, 请同步时间 (NTP)",
            f"the clocks are far apart: {shown}; WeChat's requests will be refused: synchronise them (NTP)",
        )
    else:
        shown = ", ".join(f"{name} {gap:+.1f} s" for name, gap in apart.items())
        yield ok("clock", f"时钟一致: {shown}", f"the clocks agree: {shown}")


def _gap(ask: Callable[[House], float | None], house: House) -> float | None:
    """How far ahead the other clock is, measured against the middle of the question."""
    before = time.time()
    theirs = ask(house)
    return None if theirs is None else theirs - (before + time.time()) / 2


def _of_database(house: House) -> float | None:
    try:
        with house.engine.connect() as connection:
            return float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0)
    except SQLAlchemyError:
        return None


def _of_redis(house: House) -> float | None:
    try:
        answer: Any = house.redis.time()
    except RedisError:
        return None
    return float(answer[0]) + float(answer[1]) / 1e6


def _of_wechat(house: House) -> float | None:
    """The `Date` of whatever WeChat's server answers; it has whole seconds only."""
    parts = urlsplit(house.settings.wechat_api_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        connection.request("GET", "/")
        date = connection.getresponse().getheader("Date")
        connection.close()
        return None if date is None else parsedate_to_datetime(date).timestamp() + 0.5
    except (OSError, http.client.HTTPException, ValueError):
        return None
