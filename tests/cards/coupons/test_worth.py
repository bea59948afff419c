"""Personal values: within floor and cap, never more than the budget, fixed in the customer's hand."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from app.core.errors import BadRequestError
from app.core.unit import reading, work
from cards.coupons.claim import ClaimRefusedError
from cards.coupons.read import list_coupons
from cards.coupons.templates import change_template, read_wish, show_template
from cards.coupons.terms import say
from cards.coupons.void import void_coupon
from cards.coupons.worth import ByChance, bounded, budget_left
from cards.models.coupons import Coupon, CouponTemplate
from tests.support.coupons import at_once, open_counter
from tests.support.orders import open_till, order

SPEND = {"by": "spend", "percent": 10, "days": 30, "floor_fen": 500, "cap_fen": 3000, "step_fen": 100}
CHANCE = {"by": "chance", "floor_fen": 100, "cap_fen": 1000, "step_fen": 100}


def personal(counter, rule=CHANCE, budget_fen=100_000, **more):
    return counter.template(type="amount_off", terms={"amount_fen": 1}, value_rule=rule, budget_fen=budget_fen, **more)


def values(house, template):
    with reading(house.engine) as session:
        return [row["amount_fen"] for row in session.scalars(select(Coupon.own_terms).where(Coupon.template_id == template.id))]


def left(house, template):
    with reading(house.engine) as session:
        return budget_left(session, session.get_one(CouponTemplate, template.id))


def test_forty_claims_at_once_never_pass_the_budget(house):
    counter = open_counter(house, customers=40)
    template = personal(counter, budget_fen=5000)

    def claim_one(place):
        with work(house.engine) as session:
            return counter.claim(session, template, who=place)

    results = at_once(40, claim_one)
    given = values(house, template)
    assert len(given) == sum(not isinstance(result, Exception) for result in results)
    assert all(value % 100 == 0 and 100 <= value <= 1000 for value in given)
    assert 0 <= left(house, template) == 5000 - sum(given)
    # What was refused found less than the floor.
    assert left(house, template) < 100 or len(given) == 40
    assert {result.code for result in results if isinstance(result, Exception)} <= {"sold_out"}


@pytest.mark.parametrize(("spent", "worth"), [(0, 500), (4_000, 500), (12_345, 1_200), (99_900, 3_000)])
def test_ten_percent_of_what_he_spent(house, spent, worth):
    till = open_till(house)
    counter = open_counter(house)
    if spent:
        till.book(order(till, {"sku": "TEA", "amount_fen": spent}))
    template = personal(counter, SPEND)
    counter.change(template, programme_id=till.programme_id)
    with work(house.engine) as session:
        coupon = replace(counter, customers=(till.lin_id,)).claim(session, template).coupon
    assert coupon.own_terms == {"amount_fen": worth}


def test_its_own_worth_is_shown_quoted_and_redeemed(house):
    counter = open_counter(house)
    template = personal(counter, {**CHANCE, "floor_fen": 700, "cap_fen": 700})
    with reading(house.engine) as session:
        assert say(session, session.get_one(CouponTemplate, template.id)).worth[0] == "减 7–7 元"
    coupon = counter.coupon(template)
    with reading(house.engine) as session:
        (listed,) = list_coupons(session, customer_id=counter.customers[0], now=house.clock.now())
    assert listed["worth"]["zh"] == "减 7 元"
    assert counter.redeem(coupon.code).body["discount_fen"] == 700


def test_the_last_of_the_budget_goes_in_floors_and_comes_back_with_a_void(house):
    counter = open_counter(house)
    template = personal(counter, {**CHANCE, "floor_fen": 900, "cap_fen": 1000, "step_fen": 1}, budget_fen=1899, per_person=None)
    first, second = counter.coupon(template), counter.coupon(template)
    assert sum(values(house, template)) <= 1899
    assert second.own_terms["amount_fen"] >= 900
    with pytest.raises(ClaimRefusedError) as refused:
        counter.coupon(template)
    assert refused.value.code == "sold_out"
    before = left(house, template)
    with work(house.engine) as session:
        void_coupon(session, first.public_id, reason="发错", actor="Mei", now=house.clock.now(), return_stock=True)
    assert left(house, template) == before + first.own_terms["amount_fen"]


def test_a_budget_of_an_open_template_moves_and_its_rule_does_not(house):
    counter = open_counter(house)
    template = personal(counter)
    now = house.clock.now()
    with work(house.engine) as session:
        assert change_template(session, template.public_id, {"budget_fen": 200_000}, now=now, actor="Mei").budget_fen == 200_000
        assert show_template(session, session.get_one(CouponTemplate, template.id))["value_rule"] == CHANCE


@pytest.mark.parametrize(
    "more",
    [
        {"value_rule": CHANCE},
        {"budget_fen": 1000},
        {"value_rule": {**CHANCE, "floor_fen": 2000}, "budget_fen": 1000},
        {"value_rule": {**CHANCE, "by": "luck"}, "budget_fen": 1000},
        {"value_rule": CHANCE, "budget_fen": 1000, "type": "percent_off", "terms": {"percent": 5}},
    ],
)
def test_what_cannot_be_is_named(house, more):
    wish = {"name": "满减", "type": "amount_off", "terms": {"amount_fen": 1}, "unit": open_counter(house).unit, "days_valid": 7}
    with pytest.raises(BadRequestError):
        read_wish({**wish, **more})


@pytest.mark.parametrize(("wished", "kept"), [(0, 100), (149, 100), (250, 200), (5000, 1000)])
def test_whole_steps_within_the_bounds(wished, kept):
    assert bounded(ByChance.model_validate(CHANCE), wished) == kept


def test_by_tier(house, make_account):
    from tests.support.h5 import open_counter as open_group

    group = open_group(house, make_account())
    lin, zhao = group.member("oLin", tier="金卡"), group.member("oZhao")
    rule = {"by": "tier", "fen": {"金卡": 5000}, "floor_fen": 1000, "cap_fen": 4000, "step_fen": 100}
    template = group.template(value_rule=rule, budget_fen=100_000)
    for person in (lin, zhao):
        group.give(person, template)
    with reading(house.engine) as session:
        found = {row.customer_id: row.own_terms for row in session.execute(select(Coupon.customer_id, Coupon.own_terms))}
        assert session.scalar(select(func.count()).select_from(Coupon)) == 2
    assert (found[lin]["amount_fen"], found[zhao]["amount_fen"]) == (4000, 1000)
