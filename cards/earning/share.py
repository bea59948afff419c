"""Points for sharing something: 分享."""

from collections.abc import Collection

from pydantic import Field

from cards.occasion import Amount, Occasion, Params, Prize, Word


class ShareParams(Params):
    points: Amount
    contents: list[Word] = Field(default_factory=list, max_length=50)
    """What is shared; none means anything."""


class Share:
    name = "share"
    title = "分享 · points for sharing"
    params = ShareParams
    once = ""

    def listens(self, params: ShareParams) -> Collection[str]:
        del params
        return ("content.shared",)

    def award(self, params: ShareParams, occasion: Occasion) -> list[Prize]:
        fits = not params.contents or occasion.data.get("content") in params.contents
        return [Prize(params.points)] if fits else []

    def describe(self, params: ShareParams) -> tuple[str, str]:
        return f"分享得 {params.points} 积分", f"{params.points} points for sharing"


plugin = Share()
