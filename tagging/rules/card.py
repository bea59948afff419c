"""Something happened to a WeChat card: 卡券领取、赠送、激活."""

from collections.abc import Collection
from typing import Literal

from pydantic import Field

from tagging.rule import Params, Seen, Window, Word

CardDeed = Literal["claimed", "deleted", "given", "viewed", "paid", "entered_session", "activated"]


def _claimed() -> list[CardDeed]:
    return ["claimed"]


class CardParams(Params):
    card_ids: list[Word] = Field(default_factory=list, max_length=50)
    """WeChat's card ids; none means every card."""
    deeds: list[CardDeed] = Field(default_factory=_claimed, min_length=1, max_length=7)


class Card:
    name = "card"
    title = "会员卡与卡券 · card claimed, given, activated"
    params = CardParams

    def listens(self, params: CardParams) -> Collection[str]:
        return tuple(f"card.{deed}" for deed in params.deeds)

    def window(self, params: CardParams) -> Window | None:
        del params
        return None

    def decide(self, params: CardParams, seen: Seen) -> float:
        return float(not params.card_ids or seen.fact.data.get("card_id") in params.card_ids)


plugin = Card()
