"""Did something at least so many times: 行为次数."""

from datetime import datetime, timedelta
from typing import Annotated, Any, cast

from pydantic import Field
from sqlalchemy import BigInteger, Select, any_, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.core.facts import FactRow
from app.core.nouns import Account
from tagging.condition import AppId, Condition, ConditionParams, contains
from tagging.references import account_ref, must_exist
from tagging.rule import FactKind, Match


class EventCountParams(ConditionParams):
    fact: FactKind
    """Kind of fact, as `menu.clicked`."""
    at_least: Annotated[int, Field(ge=1, le=100_000)] = 1
    within_s: Annotated[int, Field(ge=1, le=3660 * 86_400)] | None = None
    """Counted back from now; none means ever."""
    match: Match = Field(default_factory=dict)
    """Fields that must have exactly these values, as {"key": "sale"}."""
    account: AppId | None = None


class EventCount(Condition):
    name = "event_count"
    title = "行为次数 · did it so many times"
    params = EventCountParams

    def compile(self, params: EventCountParams, *, now: datetime) -> Select[Any]:
        query = _matching(select(FactRow.customer_id).where(FactRow.customer_id.is_not(None)), params, now=now)
        return query.group_by(FactRow.customer_id).having(func.count() >= params.at_least)

    def verify(self, session: Session, params: EventCountParams) -> None:
        if params.account is not None:
            must_exist(session, account_ref(params.account), f"account {params.account}")

    def explain(self, session: Session, params: EventCountParams, customer_id: int, *, now: datetime) -> str:
        query = cast("Select[Any]", select(func.count(), func.max(FactRow.occurred_at)).where(FactRow.customer_id == customer_id))
        number, last = session.execute(_matching(query, params, now=now)).one()
        when = "" if last is None else f", last at {last:%Y-%m-%d %H:%M:%S}Z"
        return f"{params.fact} ×{number}{when}; {params.at_least} needed"


def _matching(query: Select[Any], params: EventCountParams, *, now: datetime) -> Select[Any]:
    if params.account is not None:
        query = query.where(FactRow.account_id == account_ref(params.account))
    else:
        # Naming every account lets the index of account, kind and time serve; facts of no account stand beside them.
        every = func.array(select(Account.id).scalar_subquery(), type_=ARRAY(BigInteger))
        query = query.where(or_(FactRow.account_id == any_(every), FactRow.account_id.is_(None)))
    query = query.where(FactRow.kind == params.fact, FactRow.occurred_at <= now)
    if params.within_s is not None:
        query = query.where(FactRow.occurred_at > now - timedelta(seconds=params.within_s))
    return query.where(contains(FactRow.data, params.match)) if params.match else query


plugin = EventCount()
