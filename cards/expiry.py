"""When points of a programme expire: the end of a day in Asia/Shanghai, months or years after they were earned."""

import calendar
from datetime import UTC, date, datetime, time, timedelta

from app.core.clock import SHANGHAI, business_day
from app.core.errors import BadRequestError
from cards.models.programme import Expiry, Programme

_LEAP = 2024


def lot_expiry(programme: Programme, *, earned_at: datetime) -> datetime | None:
    """The moment (UTC) at which points earned at `earned_at` are gone; None for never."""
    day = business_day(earned_at)
    if programme.expiry == Expiry.NEVER or (programme.expiry == Expiry.ROLLING and programme.expiry_months == 0):
        return None
    if programme.expiry == Expiry.YEAR_END:
        return midnight(date(day.year + programme.expiry_months // 12 + 1, 1, 1))
    if programme.expiry == Expiry.FIXED_DAY:
        years = programme.expiry_months // 12
        late = _kept_in(day.year, programme.expiry_day or "") < day
        return midnight(_kept_in(day.year + years + int(late), programme.expiry_day or "") + timedelta(days=1))
    months = day.month - 1 + programme.expiry_months
    year, month = day.year + months // 12, months % 12 + 1
    last = calendar.monthrange(year, month)[1]
    return midnight(date(year, month, min(day.day, last)) + timedelta(days=1))


def tidy_day(written: str) -> str:
    """A day of every year as it is stored: `MM-DD`. Raises BadRequestError."""
    try:
        month, day = (int(part) for part in written.split("-"))
        return date(_LEAP, month, day).strftime("%m-%d")
    except ValueError:
        raise BadRequestError("日期应为 MM-DD / a day of the year is written MM-DD", code="bad_day") from None


def _kept_in(year: int, written: str) -> date:
    """A day (`MM-DD`) in a year; 29 February is kept on the 28th where there is none."""
    month, day = int(written[:2]), int(written[3:])
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def midnight(day: date) -> datetime:
    """The first moment of a day in Asia/Shanghai."""
    return datetime.combine(day, time.min, SHANGHAI).astimezone(UTC)
