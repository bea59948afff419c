"""The whole life of coupons against a model of paper slips: every step answered alike, every slip in the same state after it."""

import os
import random

import pytest

from tests.cards.coupons.story import RULES, tell_stories
from tests.support.lives import LEAST_STEPS

SEED = int(os.environ.get("COUPON_SEED", "20261122"))
PARTS = 4
"""The stories of one run, spread over the processes of the test run."""
STORIES = 200
LEAST = 50
"""So often every rule must have done its work in one run."""
MOMENTS = ("expire", "lapse", "run_out")
"""What the night must have found."""
REFUSALS = (
    *("redeem:already_used", "redeem:held_elsewhere", "redeem:expired", "undo:already_reversed", "confirm:hold_over"),
    *("claim:limit_reached", "take:gift_over", "take:own_gift", "give:not_giveable", "reverse:hold_over", "void:not_voidable"),
)


def enough(told, stories, least):
    """Every story was told to its end, none was short, and every rule has done its work often."""
    print({outcome: told[outcome] for outcome in (*RULES, *MOMENTS, *REFUSALS)})
    assert told["lives"] >= stories
    assert told["short"] == 0
    assert told["steps"] >= LEAST_STEPS * stories >= 30 * stories
    assert {rule: told[rule] for rule in RULES if told[rule] < least} == {}
    assert {moment for moment in (*MOMENTS, *REFUSALS) if not told[moment]} == set()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_any_story_of_coupons_is_told_alike(house, part):
    print(f"COUPON_SEED={SEED}")
    enough(tell_stories(house, stories=STORIES // PARTS, number=SEED + part), STORIES // PARTS, -(-LEAST // PARTS))


@pytest.mark.soak
def test_two_thousand_stories_of_coupons(house):
    number = int(os.environ.get("COUPON_SEED", random.SystemRandom().getrandbits(32)))
    print(f"COUPON_SEED={number}")
    enough(tell_stories(house, stories=2000, number=number), 2000, 10 * LEAST)
