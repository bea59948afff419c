"""The shape of an act: its parameters, what it does to the world, and why it may be impossible."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.state.account import Account
    from sandbox.state.person import Contact, Person
    from sandbox.state.world import Record, World

MAX_TEXT: Final = 4096


class ActImpossibleError(Exception):
    """The person cannot do this now; the text says why."""


class ActWrongError(Exception):
    """The act is described wrongly; the text says what is missing."""


class Act(NamedTuple):
    """One act before it happened; `at` is unix seconds, `params` come from the control plane."""

    world: World
    account: Account
    person: Person
    contact: Contact
    do: str
    at: int
    params: dict[str, Any]

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string parameter; raises ActWrongError when it is missing or too long."""
        value = self.params.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            message = f"{self.do} needs {name}: a text of at most {MAX_TEXT} characters"
            raise ActWrongError(message)
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """Return a finite numeric parameter; raises ActWrongError when it is none."""
        value = self.params.get(name, default)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            message = f"{self.do} needs {name}: a number"
            raise ActWrongError(message)
        return value

    def event(self, name: str, **fields: object) -> Record:
        """Return the fields of an event message."""
        return {**self.envelope("event"), "Event": name, **fields}

    def message(self, type_: str, **fields: object) -> Record:
        """Return the fields of a message the person writes, with its MsgId."""
        return {**self.envelope(type_), **fields, "MsgId": self.world.next_inbound_id}

    def envelope(self, type_: str) -> Record:
        """Return what every message begins with."""
        return {
            "ToUserName": self.account.original_id,
            "FromUserName": self.contact.openid,
            "CreateTime": self.at,
            "MsgType": type_,
        }

    def must_follow(self) -> None:
        """Raise ActImpossibleError unless the person can reach the account (mini programs need no following)."""
        if self.account.kind != "mini" and not self.contact.following:
            message = f"{self.person.id} does not follow {self.account.appid}"
            raise ActImpossibleError(message)


class Happening(NamedTuple):
    """What an act comes to: the event (None for none), what else the log keeps, what the actor is told."""

    fields: Record | None
    more: Record | None = None
    told: Record | None = None


if TYPE_CHECKING:
    Perform = Callable[[Act], Happening]
    Apply = Callable[[World, Account, Contact, Record], None]

PERFORM: Final[dict[str, Perform]] = {}
APPLY: Final[dict[str, Apply]] = {}


def performs(*names: str) -> Callable[[Perform], Perform]:
    """Register how an act turns into an event."""

    def register(perform: Perform) -> Perform:
        for name in names:
            PERFORM[name] = perform
        return perform

    return register


def applies(*names: str) -> Callable[[Apply], Apply]:
    """Register what an act changes; used live and when the log is read again."""

    def register(apply: Apply) -> Apply:
        for name in names:
            APPLY[name] = apply
        return apply

    return register
