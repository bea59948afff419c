"""A reminder to people whose window is closed goes out as a mass message, many at once, out of those the marketer set aside."""

import hashlib
from collections.abc import Collection, Hashable, Sequence

from sqlalchemy import select

from app.core.errors import BadRequestError
from app.core.facts import Fact
from app.core.followers import FOLLOWING
from app.core.house import House
from app.core.nouns import Follower
from app.core.unit import reading
from app.wechat.gateway import gateway_for
from cards.reminders import REMINDED, Channel, words_for_many

LEAST = 2
"""WeChat takes two openids at least (40130, wechat.md section 5)."""


class SayToMany:
    name = "say_to_many"
    listens: Collection[str] = (REMINDED,)
    deadline_s: int | None = 12 * 3600
    repeatable = False
    """A second call would be put together of other people, and no number of ours would tell WeChat that some of them were told."""
    batch = 10_000

    def wants(self, fact: Fact) -> bool:
        return fact.follower_id is not None and Channel.MASS in fact.data.get("channels", ())

    def alike(self, fact: Fact) -> Hashable:
        """One call says one text to people of one account."""
        return fact.account_id, words_for_many(fact.data)

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        first = facts[0]
        account = None if first.account_id is None else house.accounts.by_id(first.account_id)
        with reading(house.engine) as session:
            query = select(Follower.openid).where(
                Follower.id.in_([fact.follower_id for fact in facts]), Follower.state == FOLLOWING, Follower.account_id == first.account_id
            )
            openids = [openid for openid in session.scalars(query.order_by(Follower.id)) if openid is not None]
        if account is None or not openids:
            return
        if len(openids) < LEAST:
            raise BadRequestError(
                "群发至少两人，此人只在会员卡页看到提醒 / a mass message needs two: he sees it on his card page", code="mass_of_one"
            )
        digest = hashlib.sha256("\n".join(sorted(fact.key for fact in facts)).encode()).hexdigest()
        payload = {"msgtype": "text", "text": {"content": words_for_many(first.data)}}
        gateway_for(house, account).send_mass(payload, openids=openids, client_msg_id=digest)


plugin = SayToMany()
