"""Growth: yuan spent and what a member did count together, and what he does lifts him at once."""

from datetime import timedelta

import pytest

from app.core.unit import reading, work
from cards.activities import check_in
from cards.membership import open_card
from cards.models.membership import CardPath
from cards.models.tiers import Tier, TierStep, TierWindow
from cards.tier_rule import measure_called
from cards.tier_setup import add_tier, set_rule
from cards.tiers import current_tier, progress
from tests.support.members import facts_of
from tests.support.orders import Till, open_till
from tests.support.orders import order as order_in


@pytest.fixture
def till(house) -> Till:
    """Members earn a point a yuan and 30 for a check-in; 银卡 begins at 120."""
    made = open_till(house)
    made.rule("check_in", {"points": 30}, unit_id=made.shop.unit_id)
    now = house.clock.now()
    with work(house.engine) as session:
        for rank, (name, threshold) in enumerate((("普通", 0), ("银卡", 120))):
            add_tier(session, Tier(programme_id=made.programme_id, rank=rank, name=name, threshold=threshold), actor="Mei", now=now)
        open_card(
            session, customer_id=made.lin_id, programme_id=made.programme_id, path=CardPath.H5, registry=house.registry, actor="h5", now=now
        )
    return made


def go_by(till, measure):
    with work(till.house.engine) as session:
        common = {"window": TierWindow.ROLLING, "window_days": 365, "grace_days": 0, "step": TierStep.ONE}
        set_rule(session, programme_id=till.programme_id, measure=measure, actor="Mei", now=till.house.clock.now(), **common)


def come(till):
    house = till.house
    with work(house.engine) as session:
        common = {"registry": house.registry, "actor": "h5", "now": house.clock.now()}
        check_in(session, customer_id=till.lin_id, programme_id=till.programme_id, **common)


def stands(till):
    with reading(till.house.engine) as session:
        asked = {"customer_id": till.lin_id, "programme_id": till.programme_id, "at": till.house.clock.now()}
        return current_tier(session, **asked).name, progress(session, **asked).measured


def test_yuan_and_deeds_count_together_and_a_return_takes_its_part(till):
    go_by(till, "growth")
    order = order_in(till)
    till.book(order)
    assert stands(till) == ("普通", 100)
    come(till)
    assert stands(till) == ("银卡", 130)
    till.bring_back(order, {1: 1})
    assert stands(till) == ("银卡", 30)
    assert measure_called("growth").wish(50) == ("再获得 50 成长值", "grow by 50 more")


@pytest.mark.parametrize("measure", ["growth", "points"])
def test_what_a_member_does_lifts_him_at_once(till, clock, measure):
    go_by(till, measure)
    for _ in range(4):
        come(till)
        clock.advance(timedelta(days=1))
    assert stands(till) == ("银卡", 120)
    (fact,) = facts_of(till.house, "tier.upgraded")
    assert (fact.data["to"], fact.data["why"]) == ("银卡", "qualified")
