"""Holds of tills: one quote over everything, set aside together, used or given back together, never blocking their own order."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.core.unit import reading
from cards.coupons.holds import release_overdue
from cards.models.coupons import CouponState
from cards.models.redemption import CouponHold, CouponUse
from cards.refusals import RefusedError
from tests.support.coupons import at_once
from tests.support.holding import ask, hold, money, open_paying_counter, order, step


@pytest.fixture
def counter(house):
    return open_paying_counter(house)


def test_one_quote_over_coupon_points_and_balance(counter):
    coupon = counter.coupon(terms={"amount_fen": 2000})
    found = ask(counter)
    assert [each["coupon"] for each in found["coupons"]] == [str(coupon.public_id)]
    assert (found["coupon_fen"], found["points"], found["points_fen"], found["value_fen"], found["to_pay_fen"]) == (
        2000,
        4000,
        4000,
        3000,
        1000,
    )
    assert ask(counter, coupons=[], points=0, value_fen=0)["to_pay_fen"] == 10_000


def test_what_is_held_is_away_until_it_is_released(counter):
    coupon = counter.coupon()
    held = hold(counter, [coupon], points=1000, value_fen=500)
    assert (held.status, held.body["quote"]["to_pay_fen"]) == (201, 10_000 - 1000 - 1000 - 500)
    assert money(counter) == (4000, 2500)
    assert counter.redeem(coupon.code, till=counter.colleague).body["code"] == "held_elsewhere"
    released = step(counter, "release", held)
    assert (released.body["state"], released.body["again"]) == ("released", False)
    assert step(counter, "release", held).body["again"]
    assert money(counter) == (5000, 3000)
    assert counter.reread(coupon).state == CouponState.ISSUED


def test_confirmed_once_however_often_it_is_asked(counter, house):
    coupons = [counter.coupon(name=name, stacking_class=name) for name in ("free", "cash")]
    held = hold(counter, coupons, points=1000, value_fen=500)
    answers = at_once(12, lambda _: step(counter, "confirm", held))
    assert {answer.body["state"] for answer in answers} == {"confirmed"}
    assert sum(not answer.body["again"] for answer in answers) == 1
    assert {str(answer.body["uses"]) for answer in answers} == {str(answers[0].body["uses"])}
    assert money(counter) == (4000, 2500)
    with reading(house.engine) as session:
        assert sorted(session.scalars(select(CouponUse.discount_fen))) == [1000, 1000]
    assert step(counter, "release", held).body["code"] == "hold_over"


def test_confirm_and_release_at_once_do_one_of_the_two(counter):
    coupon = counter.coupon()
    held = hold(counter, [coupon], points=1000)
    answers = at_once(10, lambda place: step(counter, "confirm" if place % 2 else "release", held))
    ended = {answer.body["state"] for answer in answers if answer.status == 200}
    assert len(ended) == 1
    used = ended == {"confirmed"}
    assert money(counter)[0] == (4000 if used else 5000)
    assert counter.reread(coupon).state == (CouponState.USED if used else CouponState.ISSUED)


def test_an_order_is_not_blocked_by_its_own_hold(counter, house):
    coupon = counter.coupon()
    first = hold(counter, [coupon], points=3000)
    second = hold(counter, [coupon], points=4500)
    assert second.body["outcome"] == "done"
    assert money(counter)[0] == 500
    assert step(counter, "confirm", first).body["code"] == "hold_over"
    third = counter.redeem(coupon.code, order=order())
    assert third.body["outcome"] == "done"
    assert step(counter, "confirm", second).status == 200
    with reading(house.engine) as session:
        assert len(session.scalars(select(CouponUse)).all()) == 1


def test_two_tills_hold_one_coupon(counter):
    coupon = counter.coupon()
    answers = at_once(12, lambda place: hold(counter, [coupon], number=f"A{place}", till=counter.chen if place % 2 else counter.colleague))
    assert sorted(answer.body["outcome"] for answer in answers) == ["done"] + ["refused"] * 11
    assert {answer.body.get("code") for answer in answers} == {None, "held_elsewhere"}


def test_two_tills_hold_the_same_points(counter):
    answers = at_once(8, lambda place: hold(counter, number=f"A{place}", points=4000))
    done = [answer for answer in answers if answer.status == 201]
    assert len(done) == 1
    assert money(counter)[0] == 1000
    assert {answer.body["code"] for answer in answers if answer.status != 201} <= {"quote_changed", "insufficient_points"}


def test_a_hold_runs_out_and_gives_everything_back(counter, house, clock):
    coupon = counter.coupon()
    held = hold(counter, [coupon], points=1000, minutes=10)
    assert release_overdue(house.engine, now=clock.now()) == 0
    clock.advance(timedelta(minutes=10))
    assert step(counter, "confirm", held).body["code"] == "hold_over"
    assert counter.redeem(coupon.code, till=counter.colleague, order=order("B1")).body["outcome"] == "done"
    assert release_overdue(house.engine, now=clock.now()) == 1
    assert release_overdue(house.engine, now=clock.now()) == 0
    assert money(counter) == (5000, 3000)
    assert counter.reread(coupon).state == CouponState.USED


def test_a_hold_keeps_its_promise_past_the_coupons_last_minute(counter, clock):
    coupon = counter.coupon()
    clock.moment = coupon.expires_at - timedelta(minutes=2)
    held = hold(counter, [coupon])
    clock.advance(timedelta(minutes=5))
    assert step(counter, "confirm", held).body["outcome"] == "done"


def test_a_till_that_was_told_another_amount_hears_the_new_one(counter):
    coupon = counter.coupon()
    refused = hold(counter, [coupon], to_pay_fen=8000)
    assert (refused.body["code"], refused.body["told"]["to_pay_fen"]) == ("quote_changed", 9000)
    assert hold(counter, [coupon], to_pay_fen=9000).status == 201


def test_an_amount_to_pay_is_never_negative(counter):
    coupons = [counter.coupon(name=name, terms={"amount_fen": 90_000}, stacking_class=name) for name in ("free", "cash")]
    found = ask(counter, total_fen=100)
    assert found["to_pay_fen"] == 0
    held = hold(counter, coupons, total_fen=100)
    assert held.body["quote"]["to_pay_fen"] == 0
    assert sum(use["discount_fen"] for use in step(counter, "confirm", held).body["uses"]) == 100


def test_reversed_once_with_everything_back(counter):
    coupon = counter.coupon(reward_points=20)
    held = hold(counter, [coupon], points=1000, value_fen=500)
    step(counter, "confirm", held)
    assert money(counter) == (4020, 2500)
    answers = at_once(8, lambda _: step(counter, "reverse", held, supervisor=False))
    assert sorted(answer.body.get("code", "done") for answer in answers) == ["already_reversed"] * 7 + ["done"]
    assert money(counter) == (5000, 3000)
    assert counter.reread(coupon).state == CouponState.ISSUED


def test_an_order_confirmed_while_the_clock_was_set_back_is_reversed_whole(counter, clock):
    coupon = counter.coupon()
    clock.advance(timedelta(hours=3))
    held = hold(counter, [coupon], points=1000)
    clock.advance(-timedelta(hours=2))
    assert len(step(counter, "confirm", held).body["uses"]) == 1
    assert len(step(counter, "confirm", held).body["uses"]) == 1
    assert step(counter, "reverse", held, supervisor=True, reason="退货").body["outcome"] == "done"
    assert money(counter) == (5000, 3000)
    assert counter.reread(coupon).state == CouponState.ISSUED


def test_a_use_reversed_by_itself_is_not_reversed_again_with_its_order(counter):
    coupon = counter.coupon()
    held = hold(counter, [coupon], points=1000)
    (use,) = step(counter, "confirm", held).body["uses"]
    assert counter.undo(use["use"]).body["outcome"] == "done"
    assert step(counter, "reverse", held, supervisor=False).body["outcome"] == "done"
    assert money(counter) == (5000, 3000)
    assert counter.reread(coupon).uses_left == 1


def test_somebody_elses_hold_does_not_exist(counter):
    held = hold(counter, points=100)
    assert (
        step(counter, "confirm", held, till=counter.colleague).status,
        step(counter, "release", held, till=counter.colleague).status,
    ) == (
        404,
        404,
    )


def test_anothers_coupon_is_refused(counter):
    coupon = counter.coupon(who=1)
    assert hold(counter, [coupon]).body["code"] == "other_customer"
    with pytest.raises(RefusedError):
        ask(counter, coupons=[uuid4()])


def test_a_hold_of_an_order_by_another_till_waits(counter, house):
    hold(counter, points=100)
    assert hold(counter, points=100, till=counter.colleague).body["code"] == "held_elsewhere"
    with reading(house.engine) as session:
        assert len(session.scalars(select(CouponHold)).all()) == 1


def test_strangers_hear_one_refusal_for_holds_too(counter):
    used = counter.coupon()
    counter.redeem(used.code)
    other = counter.coupon(who=1, name="B")
    answers = [hold(counter, [each], public=True, number=f"P{place}") for place, each in enumerate((used, other))]
    assert {(answer.status, str(dict(answer.body))) for answer in answers} == {(409, str(dict(answers[0].body)))}
