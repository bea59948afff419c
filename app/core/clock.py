"""The one source of time: UTC, and settable in tests."""

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Whatever can say what time it is."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class WallClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SetClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment.astimezone(UTC)

    def now(self) -> datetime:
        return self.moment

    def advance(self, step: timedelta) -> None:
        self.moment += step


def business_day(moment: datetime) -> date:
    """The day a moment falls on for every report and limit: the day in Asia/Shanghai."""
    return moment.astimezone(SHANGHAI).date()


def from_unix(seconds: float) -> datetime:
    """The aware UTC moment of a WeChat `CreateTime` (Unix seconds)."""
    return datetime.fromtimestamp(seconds, UTC)


def whole_second(moment: datetime) -> datetime:
    """The second a moment lies in, which is all that WeChat's events tell: what is asked at .7 may be older than an event of that second."""
    return moment.replace(microsecond=0)
