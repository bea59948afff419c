"""What a kind of tag rule declares: one file of `tagging/rules` is one kind."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints

from app.core.facts import Fact

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
FactKind = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,23}\.[a-z_]{1,24}$")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]
Plain = StrictBool | StrictInt | Word
"""What a fact's field may be compared with: both Python and PostgreSQL (`data @> match`) must find the same."""
Match = Annotated[dict[FieldName, Plain], Field(max_length=5)]


class Params(BaseModel):
    """Base of every parameter schema: unknown names are refused, values stay as they were checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Window:
    """Counts facts of one kind in the `within_s` seconds before and including a fact; `least` is the number that matters: more is not counted."""

    kind: str
    within_s: int
    least: int
    match: tuple[tuple[str, bool | int | str], ...] = ()

    def covers(self, fact: Fact) -> bool:
        """Whether this fact is one of those that are counted."""
        return fact.kind == self.kind and matches(fact.data, self.match)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule may decide from: a fact, the channel behind it when it has one, and the count of the rule's window when it has one."""

    fact: Fact
    channel: str | None = None
    """Public id of the channel whose code was scanned; a kind with a window is not told."""
    count: int = 0


class RuleKind(Protocol):
    """Found by `discover("tagging.rules")`.

    `decide` is pure: it reads nothing but its arguments. It says how strongly the fact speaks for the tag (0 not at all, 1 with the rule's whole
    weight). A kind with a window says either 0 or always the same, and never 0 for more facts when it spoke for fewer: so the order of arrival
    cannot matter.
    """

    name: str
    title: str
    params: type[Params]

    def listens(self, params: Any) -> Collection[str]: ...

    def window(self, params: Any) -> Window | None: ...

    def decide(self, params: Any, seen: Seen) -> float: ...


def matches(data: Mapping[str, Any], match: tuple[tuple[str, bool | int | str], ...]) -> bool:
    """Whether every named field has exactly this value; 1 is not true, as in JSON."""
    for name, wanted in match:
        held = data.get(name)
        if held != wanted or isinstance(held, bool) is not isinstance(wanted, bool):
            return False
    return True
