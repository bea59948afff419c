"""Erasure in the facts themselves: key, kind and time stay, everything that leads to the person goes."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core import kinds
from app.core.facts import Fact, FactRow


class EraseFacts:
    name = "erase_facts"
    order = 95
    """After every room has taken what it still needs from the facts."""
    listens: Collection[str] = (kinds.ERASED,)

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        del now
        for fact in facts:
            session.execute(
                update(FactRow)
                .where(FactRow.follower_id == fact.follower_id, FactRow.occurred_at <= fact.occurred_at)
                .values(data={}, customer_id=None, follower_id=None)
            )


plugin = EraseFacts()
