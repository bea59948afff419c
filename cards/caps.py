"""Caps on earning, in guarded rows: per customer or for the rule as a whole, by day, week, month, year or for ever."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StrictInt, model_validator
from sqlalchemy import text
from sqlalchemy.orm import Session

from cards.occasion import Params

Span = Literal["day", "week", "month", "year", "ever"]
_WHOLE = 0
_LOCK = text(
    """
    INSERT INTO earning_use (rule_id, customer_id, span, points, times) VALUES (:rule, :customer, :span, 0, 0)
    ON CONFLICT (rule_id, customer_id, span) DO UPDATE SET points = earning_use.points
    RETURNING points, times
    """
)
_TAKE = text(
    """
    UPDATE earning_use SET points = points + :points, times = times + 1
    WHERE rule_id = :rule AND customer_id = :customer AND span = :span
    """
)
_GIVE = text(
    """
    UPDATE earning_use SET points = greatest(points - :points, 0), times = greatest(times - :times, 0)
    WHERE rule_id = :rule AND customer_id = :customer AND span = :span
    """
)


class Cap(Params):
    """At most so many points, or so many times, within a span (Asia/Shanghai)."""

    scope: Literal["customer", "rule"] = "customer"
    span: Span
    points: Annotated[StrictInt, Field(ge=1, le=10**12)] | None = None
    times: Annotated[StrictInt, Field(ge=1, le=10**6)] | None = None

    @model_validator(mode="after")
    def _caps_something(self) -> "Cap":
        if self.points is None and self.times is None:
            raise ValueError("a cap names points or times")
        return self


def span_of(kind: str, day: date) -> str:
    """The written name of the span a day lies in."""
    week = day.isocalendar()
    names = {
        "day": day.isoformat(),
        "week": f"{week.year}-{week.week:02}",
        "month": f"{day.year}-{day.month:02}",
        "year": str(day.year),
        "ever": "",
    }
    return f"{kind}:{names[kind]}".rstrip(":")


def take_room(session: Session, *, rule_id: int, customer_id: int, caps: Sequence[Cap], day: date, points: int) -> tuple[int, list[str]]:
    """How many of `points` the caps still allow, taken at once, and the rows that now count them.

    The rows are locked in one order for everybody; the customer's wallet is locked before them.
    """
    wanted = sorted({(_WHOLE if cap.scope == "rule" else customer_id, span_of(cap.span, day)) for cap in caps}, reverse=True)
    room = points
    for owner, span in wanted:
        used = session.execute(_LOCK, {"rule": rule_id, "customer": owner, "span": span}).one()
        for cap in caps:
            if (_WHOLE if cap.scope == "rule" else customer_id, span_of(cap.span, day)) != (owner, span):
                continue
            if cap.times is not None and used.times >= cap.times:
                room = 0
            if cap.points is not None:
                room = min(room, max(cap.points - used.points, 0))
    if room > 0:
        for owner, span in wanted:
            session.execute(_TAKE, {"rule": rule_id, "customer": owner, "span": span, "points": room})
    return room, [_written(owner, span) for owner, span in wanted]


def give_room(session: Session, *, rule_id: int, customer_id: int, spans: Sequence[str], points: int, whole: bool) -> None:
    """Points that a return took back no longer count; with `whole` neither does the time they were awarded."""
    for written in spans:
        scope, _, span = written.partition("/")
        owner = _WHOLE if scope == "rule" else customer_id
        session.execute(_GIVE, {"rule": rule_id, "customer": owner, "span": span, "points": points, "times": int(whole)})


def _written(owner: int, span: str) -> str:
    return f"{'rule' if owner == _WHOLE else 'customer'}/{span}"
