"""After two customers became one, the higher of their tiers is his, and he is told."""

from collections.abc import Collection, Sequence

from app.core import kinds
from app.core.facts import Fact
from app.core.house import House
from app.core.unit import work
from cards.custody import merged_cards
from cards.tiers import requalify, take_over_tier


class JoinTiers:
    name = "join_tiers"
    listens: Collection[str] = (kinds.JOINED,)
    deadline_s: int | None = None
    repeatable = True
    batch = 1

    def wants(self, fact: Fact) -> bool:
        return fact.customer_id is not None

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        now = house.clock.now()
        for fact in facts:
            with work(house.engine) as session:
                for card, merged in merged_cards(session, customer_id=int(fact.data["into"])):
                    take_over_tier(session, card, others=merged, registry=house.registry, now=now)
                    requalify(session, customer_id=card.customer_id, programme_id=card.programme_id, registry=house.registry, now=now)


plugin = JoinTiers()
