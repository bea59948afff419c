"""Shop receipts follow the customer: to the one he was joined into, and out of the house when he is forgotten."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.core import kinds
from app.core.facts import Fact
from cards.receipts.custody import forget_receipts, join_receipts


class ShopReceipts:
    name = "shop_receipts"
    order = 22
    listens: Collection[str] = (kinds.JOINED, kinds.ERASED)

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        for fact in facts:
            if fact.kind == kinds.JOINED:
                join_receipts(session, old=int(fact.data["from"]), into=int(fact.data["into"]))
            elif fact.customer_id is not None:
                forget_receipts(session, customer_id=fact.customer_id, now=now)


plugin = ShopReceipts()
