"""Points for bringing a friend, on both sides: 老带新."""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field, StrictInt, model_validator

from cards.occasion import Occasion, Params, Prize

_Gift = Annotated[StrictInt, Field(ge=0, le=1_000_000)]


class ReferralParams(Params):
    newcomer: _Gift
    """To the one who came."""
    friend: _Gift
    """To the one who brought him."""

    @model_validator(mode="after")
    def _somebody_gets_something(self) -> "ReferralParams":
        if not self.newcomer and not self.friend:
            raise ValueError("a referral gives points to one side at least")
        return self


class Referral:
    name = "referral"
    title = "老带新 · points for bringing a friend"
    params = ReferralParams
    once = ""

    def listens(self, params: ReferralParams) -> Collection[str]:
        del params
        return ("member.referred",)

    def award(self, params: ReferralParams, occasion: Occasion) -> list[Prize]:
        if occasion.other_id is None or occasion.other_id == occasion.customer_id:
            return []
        both = [Prize(params.newcomer), Prize(params.friend, side="other")]
        return [prize for prize in both if prize.points]

    def describe(self, params: ReferralParams) -> tuple[str, str]:
        return (
            f"邀请好友入会，好友得 {params.newcomer} 积分，您得 {params.friend} 积分",
            f"bring a friend: {params.newcomer} points for your friend, {params.friend} for you",
        )


plugin = Referral()
