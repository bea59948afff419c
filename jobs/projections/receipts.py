"""Receipts of template messages reach their deliveries in the transaction that records them."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.core.facts import Fact
from jobs.broadcasts.receipts import Receipt, outcome_of, take_receipts


class Receipts:
    name = "delivery_receipts"
    order = 40
    listens: Collection[str] = ("template.receipted",)

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        take_receipts(session, [receipt for fact in facts if (receipt := _receipt(fact)) is not None], now=now)


def _receipt(fact: Fact) -> Receipt | None:
    # A withheld fact comes from before an erasure: its msgid still settles the row, which names nobody any more.
    msgid = str(fact.data.get("msgid", ""))[:64]
    if not msgid or fact.account_id is None:
        return None
    return Receipt(
        account_id=fact.account_id,
        msgid=msgid,
        follower_id=None if fact.withheld else fact.follower_id,
        outcome=outcome_of(str(fact.data.get("status", ""))),
        occurred_at=fact.occurred_at,
    )


plugin = Receipts()
