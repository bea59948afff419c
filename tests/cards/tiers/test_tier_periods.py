"""The arithmetic of tiers: windows, periods, grace and steps, all pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.tier_periods import Place, place_of, rung_for, safe_until, span_now, span_upto, when_period_ends

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
NEW_YEAR = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
LAST_YEAR = datetime(2025, 12, 31, 16, 0, tzinfo=UTC)


@dataclass
class Rule:
    window_kind: str = "rolling"
    window_days: int = 365
    grace_days: int = 0
    step: str = "one"


@dataclass
class Rung:
    id: int
    rank: int
    threshold: int


LADDER = [Rung(10, 0, 0), Rung(11, 1, 1000), Rung(12, 2, 3000), Rung(13, 3, 9000)]


def test_a_calendar_window_is_the_year_in_shanghai():
    rule = Rule("calendar")
    assert span_now(rule, NOON).start == LAST_YEAR
    # A moment before midnight in Shanghai still belongs to the old year, midnight itself to the new one.
    assert span_now(rule, NEW_YEAR - timedelta(seconds=1)).start == LAST_YEAR
    assert span_now(rule, NEW_YEAR).start == NEW_YEAR
    ended = span_upto(rule, NEW_YEAR)
    assert (ended.start, ended.end) == (LAST_YEAR, NEW_YEAR)
    assert safe_until(rule, NOON) == NEW_YEAR


def test_a_rolling_window_holds_what_happens_now_and_a_tier_lasts_to_the_end_of_a_day():
    rule = Rule(window_days=30)
    span = span_now(rule, NOON)
    assert span.start <= NOON - timedelta(days=29, hours=23)
    assert span.start <= NOON < span.end
    assert safe_until(rule, NOON) == datetime(2026, 12, 22, 16, 0, tzinfo=UTC)
    assert safe_until(rule, safe_until(rule, NOON)) == safe_until(rule, NOON) + timedelta(days=30)


@pytest.mark.parametrize(("measured", "place"), [(-5, -1), (0, 0), (999, 0), (1000, 1), (2999, 1), (3000, 2), (10**9, 3)])
def test_thresholds_are_reached_exactly(measured, place):
    assert rung_for(LADDER, measured) == place


def judge(place, *, ended, current=0, grace=0, step="one", late=timedelta()):
    until = NEW_YEAR
    held = Place(LADDER[place].id, until)
    return when_period_ends(Rule("calendar", 365, grace, step), LADDER, held, ended=ended, current=current, now=until + late)


def test_enough_in_the_period_keeps_the_tier_for_another():
    assert judge(2, ended=3000) == Place(12, datetime(2027, 12, 31, 16, 0, tzinfo=UTC))


def test_more_than_enough_lifts():
    assert judge(1, ended=9000).tier_id == 13


def test_too_little_goes_down_one_step_or_all_the_way():
    assert judge(3, ended=0).tier_id == 12
    assert judge(3, ended=0, step="full") == Place(10, None)
    assert judge(3, ended=1500, step="full").tier_id == 11
    assert judge(3, ended=3500).tier_id == 12
    assert judge(1, ended=0) == Place(10, None)


def test_in_grace_nothing_changes_and_what_comes_in_it_still_counts():
    held = Place(12, NEW_YEAR)
    assert judge(2, ended=0, grace=30) == held
    assert judge(2, ended=0, grace=30, late=timedelta(days=29, hours=23)) == held
    assert judge(2, ended=0, current=3000, grace=30, late=timedelta(days=10)).tier_id == 12
    assert judge(2, ended=0, grace=30, late=timedelta(days=30)).tier_id == 11


def test_before_the_end_nobody_is_judged():
    assert judge(2, ended=0, late=-timedelta(seconds=1)) == Place(12, NEW_YEAR)


@given(
    st.integers(1, 3),
    st.integers(0, 12_000),
    st.integers(0, 12_000),
    st.sampled_from(["one", "full"]),
    st.integers(0, 60),
    st.integers(0, 90),
)
def test_judging_again_right_away_changes_nothing(place, ended, current, step, grace, late):
    first = judge(place, ended=ended, current=current, step=step, grace=grace, late=timedelta(days=late))
    if first.until is None or first.until > NEW_YEAR + timedelta(days=late):
        return
    rule = Rule("calendar", 365, grace, step)
    again = when_period_ends(rule, LADDER, first, ended=ended, current=current, now=NEW_YEAR + timedelta(days=late))
    assert again == first == Place(LADDER[place].id, NEW_YEAR)


@given(st.integers(1, 3), st.integers(0, 12_000), st.sampled_from(["one", "full"]))
def test_nobody_falls_below_what_he_qualified_for(place, ended, step):
    after = judge(place, ended=ended, step=step)
    assert place_of(LADDER, after.tier_id) >= min(rung_for(LADDER, ended), place)
    if step == "one":
        assert place_of(LADDER, after.tier_id) >= place - 1
