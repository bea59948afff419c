"""Is in a stage of life with a programme: 生命周期阶段."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.core.errors import NotFoundError
from cards.models.lifecycle import CustomerLifecycle, LifecycleStage
from tagging.condition import Condition, ConditionParams


class LifecycleParams(ConditionParams):
    stage: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    """Its name, as 沉睡."""
    for_days: Annotated[int, Field(ge=1, le=3660)] | None = None
    """He has been in it for so many days at least; none means since whenever."""


class InStage(Condition):
    name = "lifecycle"
    title = "生命周期阶段 · is in the stage of life"
    params = LifecycleParams

    def compile(self, params: LifecycleParams, *, now: datetime) -> Select[Any]:
        stages = select(LifecycleStage.id).where(LifecycleStage.name == params.stage)
        query = select(CustomerLifecycle.customer_id).where(CustomerLifecycle.stage_id.in_(stages))
        if params.for_days is not None:
            query = query.where(CustomerLifecycle.since <= now - timedelta(days=params.for_days))
        return query.distinct()

    def verify(self, session: Session, params: LifecycleParams) -> None:
        if session.scalar(select(LifecycleStage.id).where(LifecycleStage.name == params.stage).limit(1)) is None:
            raise NotFoundError(f"there is no stage {params.stage}", code="no_such_reference")

    def explain(self, session: Session, params: LifecycleParams, customer_id: int, *, now: datetime) -> str:
        del params, now
        query = (
            select(LifecycleStage.name, CustomerLifecycle.since)
            .join(LifecycleStage, LifecycleStage.id == CustomerLifecycle.stage_id)
            .where(CustomerLifecycle.customer_id == customer_id)
            .order_by(CustomerLifecycle.since)
        )
        found = [f"{row.name} since {row.since:%Y-%m-%d %H:%M:%S}Z" for row in session.execute(query)]
        return f"is in {'; '.join(found)}" if found else "is in no stage"


plugin = InStage()
