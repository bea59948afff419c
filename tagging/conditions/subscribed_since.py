"""Follows since a moment or within so many days: 关注时间."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field, model_validator
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.core.nouns import Follower
from tagging.condition import AppId, Condition, ConditionParams
from tagging.references import account_ref, must_exist


class SubscribedParams(ConditionParams):
    since: AwareDatetime | None = None
    within_days: Annotated[int, Field(ge=1, le=3660)] | None = None
    until: AwareDatetime | None = None
    """Followed before this moment."""
    account: AppId | None = None
    """AppID; none means any account."""

    @model_validator(mode="after")
    def _one_beginning(self) -> Self:
        if self.since is not None and self.within_days is not None:
            raise ValueError("since and within_days say the same thing twice")
        if self.since is None and self.within_days is None and self.until is None:
            raise ValueError("one of since, within_days and until is needed")
        return self


class SubscribedSince(Condition):
    name = "subscribed_since"
    title = "关注时间 · follows since"
    params = SubscribedParams

    def compile(self, params: SubscribedParams, *, now: datetime) -> Select[Any]:
        query = select(Follower.customer_id).where(Follower.state == "following").distinct()
        since = now - timedelta(days=params.within_days) if params.within_days is not None else params.since
        if since is not None:
            query = query.where(Follower.subscribed_at >= since)
        if params.until is not None:
            query = query.where(Follower.subscribed_at < params.until)
        if params.account is not None:
            query = query.where(Follower.account_id == account_ref(params.account))
        return query

    def verify(self, session: Session, params: SubscribedParams) -> None:
        if params.account is not None:
            must_exist(session, account_ref(params.account), f"account {params.account}")

    def explain(self, session: Session, params: SubscribedParams, customer_id: int, *, now: datetime) -> str:
        del params, now
        query = select(Follower.subscribed_at).where(
            Follower.customer_id == customer_id, Follower.state == "following", Follower.subscribed_at.is_not(None)
        )
        moments = [
            f"{moment:%Y-%m-%d %H:%M:%S}Z" for moment in session.scalars(query.order_by(Follower.subscribed_at)) if moment is not None
        ]
        return "follows since " + ", ".join(moments) if moments else "no known day of following"


plugin = SubscribedSince()
