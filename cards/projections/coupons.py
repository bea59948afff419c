"""Two customers become one: coupons and what they count against limits go with him."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core import kinds
from app.core.facts import Fact
from cards.guards import join_people

_MOVE = (
    text("UPDATE coupon SET customer_id = :into WHERE customer_id = :old"),
    text("UPDATE coupon_hold SET customer_id = :into WHERE customer_id = :old AND state = 'open'"),
    text("UPDATE coupon_gift SET giver_id = :into WHERE giver_id = :old"),
    text("UPDATE coupon_gift SET taken_by_id = :into WHERE taken_by_id = :old"),
    text("UPDATE coupon_pack SET giver_id = :into WHERE giver_id = :old"),
    # Who was kept out under one name is so under the other.
    text("UPDATE block SET customer_id = :into WHERE customer_id = :old"),
)


class Coupons:
    name = "coupons"
    order = 22
    listens: Collection[str] = (kinds.JOINED,)

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        del now
        for fact in facts:
            old, into = int(fact.data["from"]), int(fact.data["into"])
            for statement in _MOVE:
                session.execute(statement, {"old": old, "into": into})
            join_people(session, old=old, into=into)


plugin = Coupons()
