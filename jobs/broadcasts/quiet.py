"""Quiet hours: the part of the day in Asia/Shanghai in which customers are left alone."""

from datetime import datetime, timedelta

from app.core.clock import SHANGHAI
from app.core.errors import BadRequestError
from jobs.models import Broadcast

_DAY_MIN = 24 * 60


def quiet_until(moment: datetime, *, from_min: int | None, to_min: int | None) -> datetime | None:
    """When the quiet hours that `moment` falls into end (UTC), or None when it falls into none.

    `from_min` and `to_min` are minutes of the day; 22:00 to 08:00 spans midnight. Equal ends mean no quiet hours.
    """
    if from_min is None or to_min is None or from_min == to_min:
        return None
    local = moment.astimezone(SHANGHAI)
    since_from = (local.hour * 60 + local.minute - from_min) % _DAY_MIN
    length = (to_min - from_min) % _DAY_MIN
    if since_from >= length:
        return None
    # Shanghai has no daylight saving, so minutes may simply be added.
    return (local.replace(second=0, microsecond=0) + timedelta(minutes=length - since_from)).astimezone(moment.tzinfo)


def quiet_end(broadcast: Broadcast, moment: datetime) -> datetime | None:
    """The same for a broadcast's own quiet hours."""
    return quiet_until(moment, from_min=broadcast.quiet_from_min, to_min=broadcast.quiet_to_min)


def starts_at(broadcast: Broadcast) -> datetime | None:
    """When a broadcast is to start: its time, deferred to the end of the quiet hours it falls into; None when nobody ordered it."""
    if broadcast.scheduled_at is None:
        return None
    return quiet_end(broadcast, broadcast.scheduled_at) or broadcast.scheduled_at


def minute_of(written: str) -> int:
    """The minute of the day of `22:00`. Raises BadRequestError."""
    hour, _, minute = written.partition(":")
    if not (hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit() and len(minute) == 2):
        raise BadRequestError(f"时间写作 22:00 / a time of day is written 22:00, not {written[:16]}", code="bad_time")
    if int(hour) > 23 or int(minute) > 59:
        raise BadRequestError(f"没有 {written[:16]} 这个时间 / there is no time {written[:16]}", code="bad_time")
    return int(hour) * 60 + int(minute)
