"""A fact of any kind, with fields that must have given values: 任意事件."""

from collections.abc import Collection

from pydantic import Field

from tagging.rule import FactKind, Match, Params, Seen, Window, matches


class EventParams(Params):
    kind: FactKind
    match: Match = Field(default_factory=dict)


class Event:
    name = "event"
    title = "任意事件 · any event"
    params = EventParams

    def listens(self, params: EventParams) -> Collection[str]:
        return (params.kind,)

    def window(self, params: EventParams) -> Window | None:
        del params
        return None

    def decide(self, params: EventParams, seen: Seen) -> float:
        return float(matches(seen.fact.data, tuple(params.match.items())))


plugin = Event()
