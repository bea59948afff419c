"""A Hypothesis state machine out of a story: each of its steps is a rule, its comparison the invariant, and whole lives are counted."""

import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

LEAST_STEPS = 30
"""No sequence is shorter."""
BATCH = 10
"""So many sequences Hypothesis draws afresh; of more it would make the later ones by changing earlier ones a little."""


def live(
    begin: Callable[[], Any], rules: Sequence[str], told: Counter[str], *, lives: int, number: int, steps: int = 32, shrink: bool = True
) -> None:
    """So many sequences of steps, drawn from a seed. A failing one is shrunk and printed.

    `begin` makes a story: `step(name, chance)` tells one step, `compare()` fails when something is wrong. A rule that is named twice comes twice
    as often; the first one oftenest, because the simplest sequence tells nothing else. `told` counts `lives`, `steps` and the `short` ones.
    """
    assert steps >= LEAST_STEPS
    machine = _machine(begin, rules, told)
    wishes = settings(
        max_examples=BATCH,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        report_multiple_bugs=False,
    )
    for place in range(-(-lives // BATCH)):
        # Hypothesis ends a sequence early once in a long while, to see whether it can; not before so many steps.
        run_state_machine_as_test(seed(number * 1_000_003 + place)(machine), settings=wishes, _min_steps=LEAST_STEPS)


def _machine(begin: Callable[[], Any], rules: Sequence[str], told: Counter[str]) -> type[RuleBasedStateMachine]:
    class Life(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.story, self.steps = begin(), 0

        @invariant()
        def both_sides_agree(self):
            self.story.compare()

        def teardown(self):
            # One that Hypothesis gives up half-way, or that failed, was not told to its end.
            if sys.exc_info()[1] is None:
                told["lives"] += 1
                told["steps"] += self.steps
                told["short"] += self.steps < LEAST_STEPS

    for place, name in enumerate(rules):
        setattr(Life, f"{place:02}_{name}", _rule(name))
    return Life


def _rule(name: str) -> Callable[..., None]:
    # All carry one function's name, because Hypothesis leaves out rules by that name for whole sequences: here every sequence meets all of them.
    def step(self, name, number):
        # Hypothesis likes the same few numbers: the place in the story makes them different.
        self.story.step(name, random.Random(f"{self.steps}:{number}"))
        self.steps += 1

    return rule(name=st.just(name), number=st.integers(0, 2**32))(step)
