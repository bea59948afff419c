"""Points for the first purchase: 首单奖励."""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field, StrictInt

from cards.occasion import Amount, Occasion, Params, Prize


class FirstPurchaseParams(Params):
    points: Amount
    least_fen: Annotated[StrictInt, Field(ge=0, le=10**9)] = 1


class FirstPurchase:
    name = "first_purchase"
    title = "首单奖励 · points for the first purchase"
    params = FirstPurchaseParams
    once = "ever"

    def listens(self, params: FirstPurchaseParams) -> Collection[str]:
        del params
        return ("order.placed",)

    def award(self, params: FirstPurchaseParams, occasion: Occasion) -> list[Prize]:
        paid = {line.line_no: line.paid_fen for line in occasion.lines}
        if not occasion.first_purchase or sum(paid.values()) < max(params.least_fen, 1):
            return []
        return [Prize(params.points, weights=paid)]

    def describe(self, params: FirstPurchaseParams) -> tuple[str, str]:
        return f"首次消费奖励 {params.points} 积分", f"{params.points} points for your first purchase"


plugin = FirstPurchase()
