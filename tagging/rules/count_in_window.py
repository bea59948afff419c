"""A number of facts of one kind within a time: 时间窗内次数."""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field

from tagging.rule import FactKind, Match, Params, Seen, Window, matches

YEAR_S = 366 * 86_400


class CountParams(Params):
    kind: FactKind
    match: Match = Field(default_factory=dict)
    at_least: Annotated[int, Field(ge=1, le=1000)]
    within_s: Annotated[int, Field(ge=1, le=YEAR_S)]


class CountInWindow:
    name = "count_in_window"
    title = "时间窗内次数 · so many events within a time"
    params = CountParams

    def listens(self, params: CountParams) -> Collection[str]:
        return (params.kind,)

    def window(self, params: CountParams) -> Window | None:
        return Window(params.kind, params.within_s, params.at_least, tuple(params.match.items()))

    def decide(self, params: CountParams, seen: Seen) -> float:
        return float(seen.count >= params.at_least and matches(seen.fact.data, tuple(params.match.items())))


plugin = CountInWindow()
