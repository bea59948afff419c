"""The whole life of coupons against a model of paper slips: every step answered alike, every slip in the same state after it."""

import os
import random

import pytest

from tests.cards.coupons.story import FIRST, RULES, tell_stories

SEED = int(os.environ.get("COUPON_SEED", "20261122"))
PARTS, STORIES, LEAST = 2, 50, 12
STEPS = len(FIRST) + len(RULES)
REFUSALS = ("redeem:already_used", "redeem:held_elsewhere", "redeem:expired", "undo:already_reversed", "confirm:hold_over")


def enough(told, stories, least):
    """Every story was told to its end, and every rule has done its work often."""
    assert told["stories"] >= stories
    assert told["steps"] >= STEPS * stories >= 30 * stories
    assert {rule: told[rule] for rule in RULES if told[rule] < least} == {}
    assert {refusal for refusal in REFUSALS if not told[refusal]} == set()


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
