"""When points of a programme expire: the end of a day in Asia/Shanghai, months or years after they were earned."""

import calendar
from datetime import UTC, date, datetime, time, timedelta

from app.core.clock import SHANGHAI, business_day
from cards.models.programme import Expiry, Programme


def lot_expiry(programme: Programme, *, earned_at: datetime) -> datetime | None:
    """The moment (UTC) at which points earned at `earned_at` are gone; None for never."""
    day = business_day(earned_at)
    if programme.expiry == Expiry.NEVER or programme.expiry_months == 0:
        return None
    if programme.expiry == Expiry.YEAR_END:
        return midnight(date(day.year + programme.expiry_months // 12 + 1, 1, 1))
    months = day.month - 1 + programme.expiry_months
    year, month = day.year + months // 12, months % 12 + 1
    last = calendar.monthrange(year, month)[1]
    return midnight(date(year, month, min(day.day, last)) + timedelta(days=1))


def midnight(day: date) -> datetime:
    """The first moment of a day in Asia/Shanghai."""
    return datetime.combine(day, time.min, SHANGHAI).astimezone(UTC)
