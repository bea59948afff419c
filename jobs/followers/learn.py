"""What `user/info` says becomes what we know of a follower: unionid, follow time, source, and whether he still follows."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.core import kinds
from app.core.accounts import OpenAccount
from app.core.clock import from_unix, whole_second
from app.core.consents import learn_unionids
from app.core.facts import Fact
from app.core.followers import lock_followers
from app.core.house import House
from app.core.inbound import openid_digest
from app.core.nouns import Follower
from app.core.observe import observe
from app.core.unit import reading, work


def learn(house: House, account: OpenAccount, infos: Sequence[Mapping[str, Any]], *, asked_at: datetime) -> int:
    """Keep what WeChat answered about followers of an account; says how many of them are ours.

    `asked_at` is the moment before the call, UTC: an event that happened later knows better. Two transactions, both repeatable: joins by unionid
    take their locks first, so they cannot stand in one transaction with the rest.
    """
    by_digest = {openid_digest(account.appid, str(info.get("openid", ""))): info for info in infos}
    with reading(house.engine) as session:
        query = select(Follower.id, Follower.openid_digest).where(
            Follower.account_id == account.id, Follower.openid_digest.in_(list(by_digest)), Follower.openid.is_not(None)
        )
        answers = {row.id: by_digest[row.openid_digest] for row in session.execute(query)}
    unionids = {follower: str(info["unionid"])[:64] for follower, info in answers.items() if info.get("subscribe") and info.get("unionid")}
    if unionids:
        with work(house.engine) as session:
            learn_unionids(session, unionids, registry=house.registry, now=house.clock.now())
    with work(house.engine) as session:
        gone = []
        for follower in lock_followers(session, answers.keys()).values():
            info = answers[follower.id]
            follower.synced_at = asked_at
            if info.get("subscribe"):
                _keep(follower, info)
            else:
                gone.append(checked(follower, subscribe=False, asked_at=asked_at))
        session.flush()
        if gone:
            observe(session, gone, registry=house.registry, retention={account.id: account.retention}, now=house.clock.now())
    return len(answers)


def known_until(asked_at: datetime) -> datetime:
    """The last second that an answer of WeChat's covers whole. Events carry whole seconds, and what happened in the second of asking may have
    happened after the answer, so an event of that second knows better.
    """
    return whole_second(asked_at) - timedelta(seconds=1)


def checked(follower: Follower, *, subscribe: bool, asked_at: datetime) -> Fact:
    """The fact that WeChat was asked and what it said, as of the second it was asked in: events know no finer time."""
    return Fact(
        key=f"check:{follower.id}:{asked_at.timestamp():.3f}",
        kind=kinds.CHECKED,
        occurred_at=known_until(asked_at),
        data={"subscribe": subscribe},
        customer_id=follower.customer_id,
        follower_id=follower.id,
        account_id=follower.account_id,
    )


def _keep(follower: Follower, info: Mapping[str, Any]) -> None:
    since = info.get("subscribe_time")
    if isinstance(since, int) and 0 < since < 1 << 34:
        follower.subscribed_at = from_unix(since)
    follower.subscribe_scene = str(info.get("subscribe_scene") or "")[:48] or None
