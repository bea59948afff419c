"""Limits that several templates share hold for a person, for a day and for everybody, whichever template is asked for."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from app.core.unit import reading, work
from cards.coupons.claim import ClaimRefusedError
from cards.coupons.templates import PoolWish, add_pool
from cards.coupons.void import void_coupon
from cards.models.coupons import Coupon
from tests.support.coupons import at_once, open_counter


def shared(counter, **limits):
    """Two templates under one pool, each generous by itself."""
    with work(counter.house.engine) as session:
        wish = PoolWish(name="双十一", **limits)
        pool = add_pool(session, wish, programme_id=counter.shop.programme_id, now=counter.house.clock.now(), actor="Mei")
    return [counter.template(name=name, pool=pool.public_id, per_person=None, stock=100) for name in ("A", "B")]


def claim(counter, template, who=0):
    with work(counter.house.engine) as session:
        return counter.claim(session, template, who=who).coupon


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
