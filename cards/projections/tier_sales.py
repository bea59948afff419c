"""An order with a tier in it: that the tier is to be given, or taken back, is written down beside the fact."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.facts import Fact, ReactionRow, ReactionState

REACTION = "sell_tier"
_REACTION = table_of(ReactionRow)
_SOLD = text("SELECT sku FROM tier WHERE sku IS NOT NULL")


class TierSales:
    name = "tier_sales"
    order = 96
    listens: Collection[str] = ("order.placed", "order.returned")

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        """Most houses sell no tier: its articles are asked for once a batch, and an order without one of them gets no row."""
        sold = set(session.scalars(_SOLD))
        rows = [
            {"fact_key": fact.key, "name": REACTION, "state": ReactionState.PENDING, "run_after": now, "attempts": 0}
            for fact in facts
            # An order of more than fifty articles names only some of them; a return names none.
            if sold and (fact.kind == "order.returned" or len(fact.data.get("skus", ())) >= 50 or sold & set(fact.data.get("skus", ())))
        ]
        if rows:
            session.execute(pg_insert(_REACTION).on_conflict_do_nothing(), rows)


plugin = TierSales()
