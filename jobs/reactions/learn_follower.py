"""A new follower is looked up: WeChat sends unionid and source only on request."""

from collections.abc import Collection, Sequence

from app.core import kinds
from app.core.facts import Fact
from app.core.house import House
from jobs.followers.ask import BATCH, learn_from_wechat


class LearnFollower:
    name = "learn_follower"
    listens: Collection[str] = (kinds.FOLLOWED,)
    deadline_s: int | None = None
    repeatable = True
    batch = BATCH

    def wants(self, fact: Fact) -> bool:
        return fact.follower_id is not None

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        learn_from_wechat(house, facts)


plugin = LearnFollower()
