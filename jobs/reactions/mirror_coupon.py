"""A coupon and its card in WeChat's wallet are used together, whichever side it was."""

from collections.abc import Collection, Sequence

from app.core.facts import Fact
from app.core.house import House
from cards.coupon_mirror import listen


class MirrorCoupon:
    name = "mirror_coupon"
    listens: Collection[str] = ("card.claimed", "coupon.redeemed")
    deadline_s: int | None = None
    repeatable = True
    batch = 1

    def wants(self, fact: Fact) -> bool:
        return bool(fact.data.get("coupon") or fact.data.get("code"))

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        for fact in facts:
            listen(house, fact)


plugin = MirrorCoupon()
