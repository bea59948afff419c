"""When points of a purchase become usable and when they expire, by the programme's word."""

from datetime import datetime, timedelta

from cards.expiry import lot_expiry
from cards.models.programme import Programme


def points_life(programme: Programme, *, earned_at: datetime, now: datetime, pending: bool) -> tuple[datetime, datetime | None]:
    """From when and until when (UTC, None for never) points earned at a moment count.

    Points of a purchase wait until its return window closes. Those of a very late order would be gone before anybody could use them: their life
    is counted from the day they can be.
    """
    usable = earned_at + timedelta(days=programme.pending_days) if pending else earned_at
    first = max(usable, now)
    end = lot_expiry(programme, earned_at=earned_at)
    if end is not None and end <= first:
        end = lot_expiry(programme, earned_at=first)
    return usable, end
