"""How figures, days and numbers are written on the pages: tabular, in Shanghai's time."""

from datetime import datetime, timedelta

from app.core.clock import SHANGHAI, business_day


def money(fen: int) -> str:
    """`¥1,234.00`; a debt has its sign first."""
    sign = "−" if fen < 0 else ""
    return f"{sign}¥{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def points(number: int, *, signed: bool = False) -> str:
    """`12,480`; with `signed`, a plus or a true minus before it."""
    sign = "−" if number < 0 else "+" if signed else ""
    return f"{sign}{abs(number):,}"


def day(at: datetime, *, now: datetime) -> str:
    """`11-30` in this year, else `2027-03-31`."""
    local = at.astimezone(SHANGHAI)
    return local.strftime("%m-%d" if local.year == business_day(now).year else "%Y-%m-%d")


def last_day(ends: datetime, *, now: datetime) -> str:
    """The last day on which what ends at a moment is still good."""
    return day(ends - timedelta(microseconds=1), now=now)


def days_left(ends: datetime, *, now: datetime) -> int:
    """Whole days after today on which it is still good: 0 is today."""
    return (business_day(ends - timedelta(microseconds=1)) - business_day(now)).days


def moment(at: datetime) -> str:
    """`2026-11-30 14:32`."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def grouped(number: str) -> str:
    """A long number in fours."""
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))
