"""The lock between a freeze and the people in it: a freeze either sees an erasure or a join, or that one sees the freeze's rows."""

from sqlalchemy import text
from sqlalchemy.orm import Session

_KEY = 0x66616E6B61
_ALONE = text("SELECT pg_advisory_xact_lock(:key)")
_TOGETHER = text("SELECT pg_advisory_xact_lock_shared(:key)")


def own_audience(session: Session) -> None:
    """Taken by a freeze before it reads who is in: it waits for erasures and joins under way, and new ones wait for it."""
    session.execute(_ALONE, {"key": _KEY})


def share_audience(session: Session) -> None:
    """Taken by erasures and joins, which do not disturb each other."""
    session.execute(_TOGETHER, {"key": _KEY})
