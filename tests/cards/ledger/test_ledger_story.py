"""The whole life of points against a model that shares no code with the ledger: every invariant after every step."""

import os
import random

import pytest

from tests.cards.ledger.story import OUTCOMES, TWISTS, tell_stories
from tests.support.lives import LEAST_STEPS

SEED = int(os.environ.get("LEDGER_SEED", "20261122"))
PARTS = 4
"""The stories of one run, spread over the processes of the test run."""
STORIES = 200
LEAST = 50
"""So often every rule must have done its work in one run."""


def enough(told, stories, least):
    """Every story was told, none was short, and no rule was only asked for: each has done its work often."""
    assert told["lives"] >= stories
    assert told["short"] == 0
    assert told["steps"] >= LEAST_STEPS * stories >= 30 * stories
    assert {outcome: told[outcome] for outcome in OUTCOMES if told[outcome] < least} == {}
    assert {twist for twist in TWISTS if not told[twist]} == set()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_any_story_keeps_every_invariant(house, part):
    print(f"LEDGER_SEED={SEED}")
    told = tell_stories(house, stories=STORIES // PARTS, number=SEED + part)
    print({name: told[name] for name in (*OUTCOMES, *TWISTS)})
    enough(told, STORIES // PARTS, -(-LEAST // PARTS))


@pytest.mark.soak
def test_two_thousand_stories(house):
    number = int(os.environ.get("LEDGER_SEED", random.SystemRandom().getrandbits(32)))
    print(f"LEDGER_SEED={number}")
    enough(tell_stories(house, stories=2000, number=number), 2000, 10 * LEAST)
