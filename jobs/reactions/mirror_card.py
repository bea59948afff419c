"""After money moved, the member's card at WeChat shows what the ledger says."""

from collections.abc import Collection, Sequence

from app.core import kinds
from app.core.facts import Fact
from app.core.house import House
from cards.mirror import push_standing

_WORDS = {
    "order.placed": "消费积分",
    "order.returned": "退货",
    "coupon.redeemed": "使用优惠",
    "coupon.reversed": "撤销核销",
    "member.checked_in": "签到",
    kinds.JOINED: "会员合并",
}


class MirrorCard:
    name = "mirror_card"
    listens: Collection[str] = tuple(_WORDS)
    deadline_s: int | None = None
    repeatable = True
    batch = 50

    def wants(self, fact: Fact) -> bool:
        return fact.customer_id is not None

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        """The values are absolute: of many facts of one customer the last words are enough, and a repeat changes nothing."""
        words = {fact.customer_id: _WORDS[fact.kind] for fact in facts if fact.customer_id is not None}
        for customer_id in sorted(words):
            push_standing(house, customer_id=customer_id, words=words[customer_id])


plugin = MirrorCard()
