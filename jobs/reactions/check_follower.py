"""Two opposite events in one second: WeChat is asked which came last."""

from collections.abc import Collection, Sequence

from app.core import kinds
from app.core.errors import UnavailableError
from app.core.facts import Fact
from app.core.followers import lock_followers
from app.core.house import House
from app.core.nouns import Follower
from app.core.observe import observe
from app.core.unit import reading, work
from app.wechat.gateway import gateway_for
from jobs.followers.learn import checked, known_until, learn


class CheckFollower:
    name = "check_follower"
    listens: Collection[str] = (kinds.DISPUTED,)
    deadline_s: int | None = None
    repeatable = True
    batch = 1

    def wants(self, fact: Fact) -> bool:
        return fact.follower_id is not None

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if fact.follower_id is not None:
                _check(house, fact.follower_id)


def _check(house: House, follower_id: int) -> None:
    with reading(house.engine) as session:
        follower = session.get(Follower, follower_id)
    account = None if follower is None else house.accounts.by_id(follower.account_id)
    if follower is None or account is None or follower.openid is None:
        return
    asked_at = house.clock.now()
    if follower.state_at is not None and known_until(asked_at) <= follower.state_at:
        raise UnavailableError("the second in question is not over yet")
    info = gateway_for(house, account).read_follower(follower.openid)
    with work(house.engine) as session:
        row = lock_followers(session, {follower_id})[follower_id]
        said = checked(row, subscribe=bool(info.get("subscribe")), asked_at=asked_at)
        observe(session, [said], registry=house.registry, retention={account.id: account.retention}, now=house.clock.now())
    if info.get("subscribe"):
        # The un-follow of that second erased the follow beside it, and with it the look-up that would have asked for this.
        learn(house, account, [info], asked_at=asked_at)


plugin = CheckFollower()
