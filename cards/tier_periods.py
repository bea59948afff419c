"""The arithmetic of tiers, pure: in which time somebody qualifies, until when a tier is safe, and where he stands when that is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from app.core.clock import business_day
from cards.expiry import midnight
from cards.tier_rule import Span

_TICK = timedelta(microseconds=1)


class Rule(Protocol):
    """What is read of a programme's rule."""

    @property
    def window_kind(self) -> str: ...
    @property
    def window_days(self) -> int: ...
    @property
    def grace_days(self) -> int: ...
    @property
    def step(self) -> str: ...


class Rung(Protocol):
    """What is read of a tier. Ladders are sorted by rank; a tier without a threshold is earned by nobody."""

    @property
    def id(self) -> int: ...
    @property
    def rank(self) -> int: ...
    @property
    def threshold(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """A tier (None below the first) and until when it is safe (None for good)."""

    tier_id: int | None
    until: datetime | None


def span_upto(rule: Rule, end: datetime) -> Span:
    """The time in which a member qualifies when it ends just before `end` (UTC)."""
    if rule.window_kind == "calendar":
        return Span(midnight(date(business_day(end - _TICK).year, 1, 1)), end)
    return Span(end - timedelta(days=rule.window_days), end)


def span_now(rule: Rule, now: datetime) -> Span:
    """The time in which a member qualifies at this moment, what happens in it included."""
    return span_upto(rule, now + _TICK)


def safe_until(rule: Rule, at: datetime) -> datetime:
    """When the period ends that begins with a tier reached or kept at `at`: a midnight in Asia/Shanghai."""
    day = business_day(at)
    if rule.window_kind == "calendar":
        return midnight(date(day.year + 1, 1, 1))
    return midnight(day + timedelta(days=rule.window_days + (0 if midnight(day) == at else 1)))


def rung_for(ladder: Sequence[Rung], measured: int) -> int:
    """The place in the ladder somebody qualifies for; -1 below the first."""
    return max((place for place, rung in enumerate(ladder) if rung.threshold is not None and measured >= rung.threshold), default=-1)


def lower_rung(ladder: Sequence[Rung], place: int) -> int:
    """The next place below that can be earned; -1 below the first."""
    return max((each for each in range(place) if ladder[each].threshold is not None), default=-1)


def place_of(ladder: Sequence[Rung], tier_id: int | None) -> int:
    """The place of a tier in its ladder; -1 for none."""
    return next((place for place, rung in enumerate(ladder) if rung.id == tier_id), -1)


def place_at(ladder: Sequence[Rung], place: int, until: datetime) -> Place:
    """A place of the ladder as it is kept: nobody loses what everybody has."""
    if place < 0:
        return Place(None, None)
    return Place(ladder[place].id, None if ladder[place].threshold == 0 else until)


def when_period_ends(rule: Rule, ladder: Sequence[Rung], held: Place, *, ended: int, current: int, now: datetime) -> Place:
    """Where somebody stands whose period is over. `ended` was measured over that period, `current` up to now, in grace too.

    Enough in either keeps or lifts; without it nothing changes until the grace is over, then it goes down one step or all the way.
    """
    assert held.until is not None, "only a period that ends is judged"
    if held.until > now:
        return held
    place = place_of(ladder, held.tier_id)
    target = max(rung_for(ladder, ended), rung_for(ladder, current))
    if target > place:
        return place_at(ladder, target, safe_until(rule, now))
    following = safe_until(rule, held.until)
    if target == place:
        return place_at(ladder, place, following)
    if now < held.until + timedelta(days=rule.grace_days):
        return held
    lower = target if rule.step == "full" else max(lower_rung(ladder, place), target)
    return place_at(ladder, lower, following)
