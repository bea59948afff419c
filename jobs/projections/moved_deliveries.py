"""Consent joins two customers or parts them: deliveries go with their people, and nobody gets a second message for being two."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.core import kinds
from app.core.facts import Fact
from jobs.broadcasts.audience_lock import share_audience
from jobs.broadcasts.people import join_deliveries, part_deliveries


class MovedDeliveries:
    name = "moved_deliveries"
    order = 42
    listens: Collection[str] = (kinds.JOINED, kinds.SPLIT)

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        del now
        share_audience(session)
        for fact in facts:
            if fact.kind == kinds.JOINED:
                join_deliveries(session, old=int(fact.data["from"]), into=int(fact.data["into"]))
            else:
                part_deliveries(session, follower_id=int(fact.data["follower"]), into=int(fact.data["into"]))


plugin = MovedDeliveries()
