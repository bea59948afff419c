"""A coupon was redeemed: 优惠券核销."""

from collections.abc import Collection

from pydantic import Field

from tagging.rule import Params, Seen, Window, Word


class CouponParams(Params):
    card_ids: list[Word] = Field(default_factory=list, max_length=50)
    """Which coupons; none means every coupon."""


class Coupon:
    name = "coupon"
    title = "优惠券核销 · coupon redeemed"
    params = CouponParams

    def listens(self, params: CouponParams) -> Collection[str]:
        del params
        return ("coupon.redeemed",)

    def window(self, params: CouponParams) -> Window | None:
        del params
        return None

    def decide(self, params: CouponParams, seen: Seen) -> float:
        return float(not params.card_ids or seen.fact.data.get("card_id") in params.card_ids)


plugin = Coupon()
