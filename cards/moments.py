"""Moments as tills, malls and phones tell them: with a zone, and within what every calendar and the database can hold."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

AHEAD = timedelta(minutes=10)
"""How far a till's clock may run before ours."""
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def _held(moment: datetime) -> datetime:
    # At either end of the calendar a zone leads out of it: such a moment could be stored, and never be read again.
    if not _FIRST <= moment < _LAST:
        raise ValueError("a moment lies between the years 1900 and 9000")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_held)]
