"""Has a tag with at least some weight now, after fading: 标签权重."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Double, Select, case, cast, exists, extract, func, literal, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from tagging.condition import Condition, ConditionParams
from tagging.models import CustomerTag, TagEvidence
from tagging.references import TagName, must_exist, tag_ref


class TagWeightParams(ConditionParams):
    tag: TagName
    """Public id or name."""
    at_least: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]


class TagWeight(Condition):
    name = "tag_weight"
    title = "标签权重 · tag weight now"
    params = TagWeightParams
    settled = True
    """As with the tag itself."""

    def compile(self, params: TagWeightParams, *, now: datetime) -> Select[Any]:
        return (
            select(TagEvidence.customer_id)
            .where(TagEvidence.tag_id == tag_ref(params.tag), _alive(now), _held(now))
            .group_by(TagEvidence.customer_id)
            .having(_weight(now) >= params.at_least)
        )

    def verify(self, session: Session, params: TagWeightParams) -> None:
        must_exist(session, tag_ref(params.tag), f"tag {params.tag}")

    def explain(self, session: Session, params: TagWeightParams, customer_id: int, *, now: datetime) -> str:
        mine = (TagEvidence.tag_id == tag_ref(params.tag), TagEvidence.customer_id == customer_id)
        weight = session.scalar(select(_weight(now)).where(*mine, _alive(now), _held(now))) or 0.0
        return f"the weight of {params.tag} is {weight:.3g} now, {params.at_least:g} is needed"


def _alive(now: datetime) -> ColumnElement[bool]:
    return or_(TagEvidence.expires_at.is_(None), TagEvidence.expires_at > now)


def _held(now: datetime) -> ColumnElement[bool]:
    """Of an exclusive group only the tag that won counts: evidence of the others is kept, but does not speak."""
    return exists().where(
        CustomerTag.tag_id == TagEvidence.tag_id,
        CustomerTag.customer_id == TagEvidence.customer_id,
        or_(CustomerTag.expires_at.is_(None), CustomerTag.expires_at > now),
    )


def _weight(now: datetime) -> ColumnElement[float]:
    """The sum of what is left of every piece of evidence, as `tagging.evidence.faded` reckons it."""
    halvings = cast(extract("epoch", literal(now) - TagEvidence.last_at), Double) / TagEvidence.half_life_s
    left = case(
        (or_(TagEvidence.half_life_s.is_(None), halvings <= 0), 1.0),
        (halvings > 60, 0.0),
        else_=func.power(cast(2, Double), -halvings),
    )
    return func.coalesce(func.sum(TagEvidence.weight * left), 0.0)


plugin = TagWeight()
