"""What waits for a verdict lifts nobody: it counts to the tier once it is released, and never when it is refused."""

import pytest

from app.core.nouns import Customer
from app.core.unit import reading, work
from cards.blocks import Whom, add_block
from cards.membership import open_card
from cards.models.membership import CardPath
from cards.models.tiers import Tier, TierStep, TierWindow
from cards.reviews import decide, list_cases
from cards.tier_night import review_tiers
from cards.tier_setup import add_tier, set_rule
from cards.tiers import current_tier
from jobs.reactions_run import run_reactions
from tests.support.orders import open_till, order

# The second step of each ladder: one order of a hundred yuan reaches it.
SECOND = {"spend": 10_000, "orders": 1, "growth": 100, "points": 100}


def open_ladder(house, measure):
    till = open_till(house)
    now = house.clock.now()
    ladder = (("普通", 0, {}), ("银卡", SECOND[measure], {}), ("PLUS", None, {"sku": "PLUS-1", "term_days": 30}))
    with work(house.engine) as session:
        for rank, (name, threshold, more) in enumerate(ladder):
            add_tier(session, Tier(programme_id=till.programme_id, rank=rank, name=name, threshold=threshold, **more), actor="Mei", now=now)
        common = {"window": TierWindow.ROLLING, "window_days": 365, "grace_days": 0, "step": TierStep.ONE}
        set_rule(session, programme_id=till.programme_id, measure=measure, actor="Mei", now=now, **common)
        open_card(
            session, customer_id=till.lin_id, programme_id=till.programme_id, path=CardPath.H5, registry=house.registry, actor="h5", now=now
        )
        who = session.get_one(Customer, till.lin_id).public_id
        add_block(session, house.ring, Whom(who), reason="刷单", until=None, actor="Mei", now=now)
    return till


def tier(till):
    with reading(till.house.engine) as session:
        return current_tier(session, customer_id=till.lin_id, programme_id=till.programme_id, at=till.house.clock.now()).name


def judge(till, decision):
    house = till.house
    with work(house.engine) as session:
        (case,) = list_cases(session, house.ring)
        common = {"reason": "核对小票", "actor": "主管", "registry": house.registry, "now": house.clock.now()}
        decide(session, case.id, decision=decision, **common)


@pytest.mark.parametrize("measure", SECOND)
def test_an_order_on_review_counts_from_its_release_on(house, measure):
    till = open_ladder(house, measure)
    till.book(order(till))
    review_tiers(house, everyone=True)
    assert tier(till) == "普通"
    judge(till, "release")
    assert tier(till) == "银卡"


@pytest.mark.parametrize("measure", SECOND)
def test_a_refused_order_never_counts(house, measure):
    till = open_ladder(house, measure)
    till.book(order(till))
    judge(till, "refuse")
    review_tiers(house, everyone=True)
    assert tier(till) == "普通"


def test_a_tier_bought_with_an_order_on_review_comes_with_its_release(house):
    till = open_ladder(house, "orders")
    till.book(order(till, {"sku": "PLUS-1", "quantity": 1, "amount_fen": 9900}))
    run_reactions(house)
    assert tier(till) == "普通"
    judge(till, "release")
    assert tier(till) == "PLUS"
