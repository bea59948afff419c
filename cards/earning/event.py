"""Points for anything else that is on record: 行为奖励, a kind of fact with the fields it must have."""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt, StringConstraints, field_validator

from cards.occasion import Amount, Occasion, Params, Prize, Word

FactKind = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,23}\.[a-z_]{1,24}$")]
EVENTS = (
    "card.opened",
    "coupon.redeemed",
    "event.attended",
    "follower.followed",
    "keyword.matched",
    "lifecycle.changed",
    "menu.clicked",
    "mini.entered",
    "qr.scanned",
    "tier.upgraded",
)
"""What may be rewarded: facts that a person brings about himself."""


class EventParams(Params):
    points: Amount
    kind: FactKind
    match: Annotated[
        dict[Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")], StrictBool | StrictInt | Word], Field(max_length=5)
    ] = Field(default_factory=dict)
    name: Word
    """How members read it: 首次关注, 扫码有礼."""

    @field_validator("kind")
    @classmethod
    def _one_of_ours(cls, kind: str) -> str:
        if kind not in EVENTS:
            raise ValueError(f"kind is one of {', '.join(EVENTS)}")
        return kind


class Event:
    name = "event"
    title = "行为奖励 · points for an event on record"
    params = EventParams
    once = ""

    def listens(self, params: EventParams) -> Collection[str]:
        return (params.kind,)

    def award(self, params: EventParams, occasion: Occasion) -> list[Prize]:
        for name, wanted in params.match.items():
            held = occasion.data.get(name)
            if held != wanted or isinstance(held, bool) is not isinstance(wanted, bool):
                return []
        return [Prize(params.points)]

    def describe(self, params: EventParams) -> tuple[str, str]:
        return f"{params.name}得 {params.points} 积分", f"{params.points} points: {params.name}"


plugin = Event()
