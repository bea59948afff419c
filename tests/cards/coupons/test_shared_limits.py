"""Limits that several templates share hold for a person, for a day and for everybody, whichever template is asked for."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, text

from app.core.unit import reading, work
from cards.coupons.claim import ClaimRefusedError
from cards.coupons.templates import PoolWish, add_pool
from cards.coupons.void import void_coupon
from cards.models.coupons import Coupon
from tests.support.coupons import at_once, open_counter
from tests.support.crowds import crowded

BY_CHANCE = {"by": "chance", "floor_fen": 100, "cap_fen": 500}
_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


def shared(counter, **limits):
    """Two templates under one pool, each generous by itself."""
    with work(counter.house.engine) as session:
        wish = PoolWish(name="双十一", **limits)
        pool = add_pool(session, wish, programme_id=counter.shop.programme_id, now=counter.house.clock.now(), actor="Mei")
    return [counter.template(name=name, pool=pool.public_id, per_person=None, stock=100) for name in ("A", "B")]


def claim(counter, template, who=0):
    with work(counter.house.engine) as session:
        return counter.claim(session, template, who=who).coupon


def wait_for_one(watch, running):
    until = time.monotonic() + 10
    while not watch.scalar(_WAITING) and not running.done() and time.monotonic() < until:
        time.sleep(0.01)
    assert not running.done(), "it did not wait"


def refusal(counter, template, who=0):
    with pytest.raises(ClaimRefusedError) as refused:
        claim(counter, template, who)
    return refused.value.code


def test_a_person_and_a_day_are_counted_over_both(house, clock):
    counter = open_counter(house, customers=6)
    one, two = shared(counter, per_person=3, per_person_day=1, per_day=3)
    claim(counter, one)
    assert refusal(counter, two) == "limit_reached_today"
    claim(counter, two, 1)
    claim(counter, one, 2)
    assert refusal(counter, two, 3) == "sold_out_today"
    clock.moment = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    claim(counter, two)
    clock.moment = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    claim(counter, one)
    clock.moment = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
    assert refusal(counter, two) == "limit_reached"


@pytest.mark.parametrize("limit", [{"stock": 100}, {"per_day": 100}, {"value_rule": BY_CHANCE, "budget_fen": 10**6}], ids=str)
def test_a_claim_beside_a_bulk_issue_waits_and_neither_stops_the_other(house, limit):
    """The issue has taken from what is everybody's, and goes on to somebody who claims at this moment."""
    counter = open_counter(house)
    template = counter.template(per_person=2, **limit)
    with crowded(house, 2) as big, big.engine.connect() as watch, ThreadPoolExecutor(1) as pool:
        watch.execution_options(isolation_level="AUTOCOMMIT")
        with work(big.engine) as session:
            counter.claim(session, template, who=0)
            beside = pool.submit(claim, replace(counter, house=big), template, 1)
            wait_for_one(watch, beside)
            counter.claim(session, template, who=1)
        beside.result(timeout=10)
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Coupon)) == 3


def test_what_is_voided_with_its_stock_makes_room_in_both(house):
    counter = open_counter(house)
    one, two = shared(counter, stock=1)
    coupon = claim(counter, one)
    assert refusal(counter, two, 1) == "sold_out"
    with work(house.engine) as session:
        void_coupon(session, coupon.public_id, reason="发错", actor="Mei", now=house.clock.now(), return_stock=True)
    claim(counter, two, 1)


def test_a_day_is_not_oversold_by_two_templates_at_once(house):
    counter = open_counter(house, customers=20)
    both = shared(counter, per_day=5)
    results = at_once(40, lambda place: claim(counter, both[place % 2], place % 20))
    assert sum(isinstance(result, Coupon) for result in results) == 5
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Coupon)) == 5
