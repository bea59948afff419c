"""A reminder is said in the person's open customer-service window, once, or not at all; the card page shows it in any case."""

from collections.abc import Collection, Sequence

from app.core.facts import Fact
from app.core.house import House
from app.core.nouns import Follower
from app.core.unit import reading
from app.wechat.gateway import gateway_for
from cards.reminders import REMINDED, Channel


class SayReminder:
    name = "say_reminder"
    listens: Collection[str] = (REMINDED,)
    deadline_s: int | None = 12 * 3600
    """Past the day nobody wants to hear it."""
    repeatable = False
    """A customer-service message has no idempotency id."""
    batch = 1

    def wants(self, fact: Fact) -> bool:
        return fact.follower_id is not None and Channel.SERVICE in fact.data.get("channels", ())

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        for fact in facts:
            with reading(house.engine) as session:
                follower = None if fact.follower_id is None else session.get(Follower, fact.follower_id)
            account = None if follower is None else house.accounts.by_id(follower.account_id)
            if follower is None or account is None or follower.openid is None:
                continue
            payload = {"msgtype": "text", "text": {"content": str(fact.data["zh"])}}
            gateway_for(house, account).send_service_message(follower.openid, payload)


plugin = SayReminder()
