"""A member hears of his new tier and what it brings, where his window is open; the card page shows it in any case."""

from collections.abc import Collection, Sequence

from app.core.facts import Fact
from app.core.house import House
from app.core.nouns import Follower
from app.core.unit import reading
from app.wechat.gateway import gateway_for
from cards.reminders import Channel, find_ways
from cards.tier_changes import DOWNGRADED, UPGRADED


class SayTier:
    name = "say_tier"
    listens: Collection[str] = (UPGRADED, DOWNGRADED)
    deadline_s: int | None = 12 * 3600
    repeatable = False
    """A customer-service message has no idempotency id."""
    batch = 1

    def wants(self, fact: Fact) -> bool:
        return fact.customer_id is not None and fact.data.get("to") is not None

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        now = house.clock.now()
        for fact in facts:
            if fact.customer_id is None:
                continue
            with reading(house.engine) as session:
                way = find_ways(session, [fact.customer_id], now=now).get(fact.customer_id)
                follower = None if way is None or way.follower_id is None else session.get(Follower, way.follower_id)
            if (
                way is None
                or follower is None
                or follower.openid is None
                or Channel.SERVICE not in way.allowed("tier", now=now, mail=False)
            ):
                continue
            account = house.accounts.by_id(follower.account_id)
            if account is not None:
                gateway_for(house, account).send_service_message(follower.openid, {"msgtype": "text", "text": {"content": _words(fact)}})


def _words(fact: Fact) -> str:
    benefits = str(fact.data.get("benefits") or "")
    said = "恭喜升级为" if fact.kind == UPGRADED else "您的会员等级现为"
    return f"{said}{fact.data['to']}" + (f"，权益：{benefits}" if benefits else "")


plugin = SayTier()
