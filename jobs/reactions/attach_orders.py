"""A card was opened: the orders that waited under the phone find their buyer."""

from collections.abc import Collection, Sequence

from app.core.facts import Fact
from app.core.house import House
from app.core.unit import work
from cards.phones import living_customer
from cards.waiting import attach_orders


class AttachOrders:
    name = "attach_orders"
    listens: Collection[str] = ("card.opened",)
    deadline_s: int | None = None
    repeatable = True
    batch = 1

    def wants(self, fact: Fact) -> bool:
        return fact.customer_id is not None

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if fact.customer_id is None:
                continue
            left = True
            while left:
                with work(house.engine) as session:
                    customer = living_customer(session, fact.customer_id)
                    left = attach_orders(session, customer=customer, ring=house.ring, registry=house.registry, now=house.clock.now()) > 0


plugin = AttachOrders()
