"""Has a tier, or a better one: 会员等级."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from app.core.errors import NotFoundError
from cards.models.membership import CardState, MemberCard
from cards.models.tiers import Tier
from tagging.condition import Condition, ConditionParams


class TierParams(ConditionParams):
    tier: UUID
    """Public id."""
    or_better: bool = True


class HasTier(Condition):
    name = "tier"
    title = "会员等级 · has the tier"
    params = TierParams

    def compile(self, params: TierParams, *, now: datetime) -> Select[Any]:
        del now
        least, held = aliased(Tier), aliased(Tier)
        right = held.rank >= least.rank if params.or_better else held.id == least.id
        return (
            select(MemberCard.customer_id)
            .join(held, held.id == MemberCard.tier_id)
            .join(least, least.programme_id == held.programme_id)
            .where(least.public_id == params.tier, right, MemberCard.state == CardState.ACTIVE)
            .distinct()
        )

    def verify(self, session: Session, params: TierParams) -> None:
        if session.scalar(select(Tier.id).where(Tier.public_id == params.tier)) is None:
            raise NotFoundError(f"there is no tier {params.tier}", code="no_such_reference")

    def explain(self, session: Session, params: TierParams, customer_id: int, *, now: datetime) -> str:
        del params, now
        query = select(Tier.name).join(MemberCard, MemberCard.tier_id == Tier.id).where(MemberCard.customer_id == customer_id)
        names = session.scalars(query.order_by(Tier.rank.desc()).limit(3)).all()
        return f"is {', '.join(names)}" if names else "has no tier"


plugin = HasTier()
