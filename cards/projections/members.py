"""Two customers become one, or part again, or are forgotten: cards and wallets follow, and money is never lost or doubled."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.core import kinds
from app.core.facts import Fact
from cards.crm.questions import forget_questions
from cards.custody import forget_birthday, forget_wishes, join_members, join_wishes, leave_mirror


class Members:
    name = "members"
    order = 21
    listens: Collection[str] = (kinds.JOINED, kinds.SPLIT, kinds.ERASED)

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        for fact in facts:
            if fact.kind == kinds.JOINED:
                join_wishes(session, old=int(fact.data["from"]), into=int(fact.data["into"]))
                join_members(session, old=int(fact.data["from"]), into=int(fact.data["into"]), key=fact.key, now=now)
            elif fact.kind == kinds.SPLIT:
                # Membership is one contract: it stays with the customer who keeps the older follower, and who leaves may open his own.
                leave_mirror(session, customer_id=int(fact.data["from"]), follower_id=int(fact.data["follower"]))
            elif fact.customer_id is not None and fact.follower_id is not None:
                # Card and ledger stay under the customer's pseudonymous id; what leads to the person at WeChat goes.
                leave_mirror(session, customer_id=fact.customer_id, follower_id=fact.follower_id)
                forget_birthday(session, customer_id=fact.customer_id)
                forget_wishes(session, customer_id=fact.customer_id)
                forget_questions(session, customer_id=fact.customer_id)


plugin = Members()
