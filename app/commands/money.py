"""What the commands about money share: who acts, and months in Shanghai."""

from datetime import datetime, timedelta

from app.core.clock import SHANGHAI

ACTOR = "cli"


def month_before(now: datetime) -> str:
    """The month (Asia/Shanghai) before the one of a moment."""
    return (now.astimezone(SHANGHAI).replace(day=1) - timedelta(days=1)).strftime("%Y-%m")


def month_of(now: datetime) -> str:
    """The month (Asia/Shanghai) of a moment."""
    return now.astimezone(SHANGHAI).strftime("%Y-%m")
