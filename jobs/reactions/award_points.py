"""Points for what a member did, by the earning rules that hear it."""

from collections.abc import Collection, Sequence

from app.core.facts import Fact
from app.core.house import House
from app.core.unit import work
from cards.activities import reward


class AwardPoints:
    name = "award_points"
    listens: Collection[str] = ()
    """Its rows are written by the projection `rewards`, which knows which facts a rule hears."""
    deadline_s: int | None = None
    repeatable = True
    batch = 1

    def wants(self, fact: Fact) -> bool:
        return fact.customer_id is not None

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        for fact in facts:
            with work(house.engine) as session:
                reward(session, fact, registry=house.registry, actor="system", now=house.clock.now())


plugin = AwardPoints()
