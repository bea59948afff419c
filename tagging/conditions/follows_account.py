"""Follows an account now: 关注公众号."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.core.nouns import Follower
from tagging.condition import AppId, Condition, ConditionParams
from tagging.references import account_ref, must_exist


class FollowsParams(ConditionParams):
    account: AppId
    """AppID."""


class FollowsAccount(Condition):
    name = "follows_account"
    title = "关注公众号 · follows the account"
    params = FollowsParams

    def compile(self, params: FollowsParams, *, now: datetime) -> Select[Any]:
        del now
        following = (Follower.account_id == account_ref(params.account), Follower.state == "following")
        # One person is one follower of an account as a rule; WeChat may still have given him two openids over the years.
        return select(Follower.customer_id).where(*following).distinct()

    def verify(self, session: Session, params: FollowsParams) -> None:
        must_exist(session, account_ref(params.account), f"account {params.account}")

    def explain(self, session: Session, params: FollowsParams, customer_id: int, *, now: datetime) -> str:
        del now
        query = select(Follower.state, Follower.state_at).where(
            Follower.customer_id == customer_id, Follower.account_id == account_ref(params.account)
        )
        found = session.execute(query.order_by(Follower.state_at.desc().nulls_last()).limit(1)).one_or_none()
        if found is None:
            return f"never seen on {params.account}"
        since = "" if found.state_at is None else f" since {found.state_at:%Y-%m-%d %H:%M:%S}Z"
        return f"{found.state} on {params.account}{since}"


plugin = FollowsAccount()
