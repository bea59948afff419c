"""A bought tier is given to its buyer, and taken back when it is returned."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select

from app.core.facts import Fact
from app.core.house import House
from app.core.unit import work
from cards.models.orders import Purchase
from cards.tier_grants import sell_tiers, take_back_tiers


class SellTier:
    name = "sell_tier"
    listens: Collection[str] = ()
    """Its rows are written by the projection `tier_sales`, which knows what is for sale."""
    deadline_s: int | None = None
    repeatable = True
    batch = 1

    def wants(self, fact: Fact) -> bool:
        return fact.customer_id is not None

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        for fact in facts:
            with work(house.engine) as session:
                purchase = session.scalars(select(Purchase).where(Purchase.public_id == UUID(str(fact.data["order"])))).one()
                registry, now = house.registry, house.clock.now()
                # What came back before the tier was given must not be given: the return is looked at in either case.
                if fact.kind == "order.placed":
                    sell_tiers(session, purchase, registry=registry, actor="system", now=now)
                take_back_tiers(session, purchase, registry=registry, actor="system", now=now)


plugin = SellTier()
