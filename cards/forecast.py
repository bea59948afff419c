"""What an order would earn: the rules of the moment and the tier's multiplier, before any cap, so that a till can say it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.clock import business_day
from app.core.nouns import Store
from cards.award import ORDER_KIND, choose
from cards.models.orders import Purchase
from cards.occasion import LineSeen, Occasion
from cards.rulebook import rules_at
from cards.till import Till


def forecast(
    session: Session,
    lines: Sequence[LineSeen],
    *,
    till: Till,
    customer_id: int,
    programme_id: int,
    multiplier_percent: int,
    at: datetime,
) -> int:
    """Points the rules give for these lines at a moment. Writes nothing, so a cap that is nearly reached can still take a part away."""
    earlier = select(Purchase.id).where(Purchase.customer_id == customer_id, Purchase.programme_id == programme_id)
    earlier = earlier.where(Purchase.replaced_by_id.is_(None))
    occasion = Occasion(
        key="forecast",
        kind=ORDER_KIND,
        occurred_at=at,
        day=business_day(at),
        customer_id=customer_id,
        store=session.get_one(Store, till.store_id).public_id,
        lines=tuple(lines),
        tier_percent=multiplier_percent,
        first_purchase=session.scalar(earlier.limit(1)) is None,
    )
    rules = rules_at(session, programme_id=programme_id, at=at, hears=ORDER_KIND)
    chosen = choose([(rule, rule.kind.award(rule.params, occasion)) for rule in rules])
    return sum(prize.points for _, prizes in chosen for prize in prizes if prize.side == "self")
