"""Somebody opened his card by a friend's link: both sides get what the rules give, once."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select

from app.core.facts import Fact
from app.core.house import House
from app.core.unit import work
from cards.activities import refer
from cards.membership import OPENED
from cards.models.membership import MemberCard
from cards.phones import living_customer


class ReferFriend:
    name = "refer_friend"
    listens: Collection[str] = (OPENED,)
    deadline_s: int | None = None
    repeatable = True
    batch = 1

    def wants(self, fact: Fact) -> bool:
        return fact.customer_id is not None and bool(fact.data.get("by"))

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        now = house.clock.now()
        for fact in facts:
            with work(house.engine) as session:
                friend = session.scalars(select(MemberCard).where(MemberCard.public_id == UUID(str(fact.data["by"])))).first()
                if friend is None or fact.customer_id is None or friend.programme_id != fact.data["programme_id"]:
                    continue
                refer(
                    session,
                    newcomer_id=fact.customer_id,
                    friend_id=living_customer(session, friend.customer_id).id,
                    programme_id=friend.programme_id,
                    registry=house.registry,
                    actor="system",
                    now=now,
                )


plugin = ReferFriend()
