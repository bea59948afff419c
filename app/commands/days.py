"""A span of days in Shanghai, as commands take it: `--from` and `--to`."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

import click

from app.core.clock import SHANGHAI, business_day
from app.core.errors import BadRequestError

Command = TypeVar("Command", bound=Callable[..., Any])
LONGEST = timedelta(days=365)


def spanned(function: Command) -> Command:
    """`--from` and `--to`, given as `since` and `until`."""
    day = click.DateTime(["%Y-%m-%d"])
    until = click.option("--to", "until", type=day, default=None, help="最后一天, 默认与第一天相同 · the last day, the first by default.")
    since = click.option(
        "--from", "since", type=day, default=None, help="第一天, 上海时间, 默认今天 · the first day in Shanghai, today by default."
    )
    return since(until(function))


def read_span(since: datetime | None, until: datetime | None, *, now: datetime) -> tuple[date, date, datetime, datetime]:
    """The first and the last day, and the instants (UTC) from which and up to which they last. Raises BadRequestError."""
    first = since.date() if since is not None else business_day(now)
    last = until.date() if until is not None else first
    if not timedelta(0) <= last - first <= LONGEST:
        raise BadRequestError("日期应为先后两天, 最多 366 天 / the days follow each other, 366 at most", code="bad_days")
    start, end = (datetime.combine(day, time.min, SHANGHAI).astimezone(UTC) for day in (first, last + timedelta(days=1)))
    return first, last, start, end
