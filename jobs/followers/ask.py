"""Asking WeChat about followers, account by account, at most 100 a call."""

from collections.abc import Sequence

from sqlalchemy import select

from app.core.facts import Fact
from app.core.house import House
from app.core.nouns import AccountKind, Follower
from app.core.unit import reading
from app.wechat.gateway import gateway_for
from jobs.followers.learn import learn

BATCH = 100


def openids_of(house: House, facts: Sequence[Fact]) -> dict[int, list[str]]:
    """The openids behind facts by account id, without those erased meanwhile and without mini programs, which have no followers."""
    official = {account.id for account in house.accounts.all() if account.kind is not AccountKind.MINI}
    ids = {fact.follower_id for fact in facts if fact.follower_id is not None}
    with reading(house.engine) as session:
        query = select(Follower.account_id, Follower.openid).where(
            Follower.id.in_(sorted(ids)), Follower.openid.is_not(None), Follower.account_id.in_(official)
        )
        asked: dict[int, list[str]] = {}
        for row in session.execute(query.order_by(Follower.id)):
            asked.setdefault(row.account_id, []).append(row.openid)
    return asked


def learn_from_wechat(house: House, facts: Sequence[Fact]) -> None:
    """Read `user/info` of the followers behind facts and keep it. Raises what the gateway raises; all of it may run again."""
    for account_id, openids in openids_of(house, facts).items():
        account = house.accounts.by_id(account_id)
        if account is None:
            continue
        for start in range(0, len(openids), BATCH):
            asked_at = house.clock.now()
            learn(house, account, gateway_for(house, account).read_followers(openids[start : start + BATCH]), asked_at=asked_at)
