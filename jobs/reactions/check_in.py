"""Who writes 签到, or taps a menu button with the key `check_in`, is checked in for the day; the card page shows it."""

from collections.abc import Collection, Sequence

from sqlalchemy import select

from app.core.facts import Fact
from app.core.house import House
from app.core.unit import work
from cards.activities import check_in
from cards.models.membership import CardState, MemberCard
from cards.phones import living_customer

WORDS = frozenset({"签到", "打卡", "check in"})
"""Keywords of reply rules that mean it."""
KEY = "check_in"


class CheckIn:
    name = "check_in"
    listens: Collection[str] = ("keyword.matched", "menu.clicked")
    deadline_s: int | None = 6 * 3600
    """What is heard much later would count for another day."""
    repeatable = True
    batch = 1

    def wants(self, fact: Fact) -> bool:
        said = fact.data.get("keyword") if fact.kind == "keyword.matched" else fact.data.get("key")
        return fact.customer_id is not None and (said in WORDS or (fact.kind == "menu.clicked" and said == KEY))

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        for fact in facts:
            with work(house.engine) as session:
                customer = living_customer(session, fact.customer_id or 0)
                held = select(MemberCard.programme_id).where(MemberCard.customer_id == customer.id, MemberCard.state == CardState.ACTIVE)
                for programme_id in session.scalars(held.order_by(MemberCard.programme_id)).all():
                    check_in(
                        session,
                        customer_id=customer.id,
                        programme_id=programme_id,
                        registry=house.registry,
                        actor="wechat",
                        now=house.clock.now(),
                    )


plugin = CheckIn()
