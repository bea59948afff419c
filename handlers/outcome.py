"""What a handler is and what comes out of one: a reply, fact drafts, and whether the chain goes on."""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.core.accounts import OpenAccount
from app.core.facts import FactDraft
from app.core.inbound import Inbound
from handlers.replies import Reply
from handlers.rulebook import AccountRules


class Stage(enum.IntEnum):
    """The order of the chain. Guards may stop it; recorders say what happened; the first reply wins; fallbacks look at what is still missing."""

    GUARD = 0
    RECORD = 1
    REPLY = 2
    FALLBACK = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an inbound led to. `person` names the openid it is about when that is not the sender."""

    reply: Reply | None = None
    drafts: tuple[FactDraft, ...] = ()
    stop: bool = False
    person: str = ""


class ChannelView(Protocol):
    """What a handler needs to know of a channel."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def welcome(self) -> Mapping[str, Any] | None: ...


class Channels(Protocol):
    """Looks channels up by account and scene, from memory."""

    def find(self, account_id: int, scene: str) -> ChannelView | None: ...


@dataclass(slots=True)
class Reads:
    """What a handler may read: its account, the rules and channels of that account, and what the chain has concluded so far."""

    account: OpenAccount
    rules: AccountRules
    channels: Channels
    drafts: list[FactDraft] = field(default_factory=list)
    reply: Reply | None = None
    failed: list[str] = field(default_factory=list)
    """The handlers that raised."""

    def has(self, kind: str) -> bool:
        """Whether a handler before this one drafted a fact of this kind."""
        return any(draft.kind == kind for draft in self.drafts)


class Handler(Protocol):
    """One kind of message or event. Pure but for what it reads through `Reads`.

    `hears` are topics (see `topic_of`), so that the chain finds its handlers by one look-up; a trailing `*` hears every topic of that beginning.
    """

    @property
    def name(self) -> str: ...

    @property
    def stage(self) -> Stage: ...

    @property
    def hears(self) -> frozenset[str]: ...

    def matches(self, inbound: Inbound) -> bool: ...

    def handle(self, inbound: Inbound, reads: Reads) -> Outcome | None: ...


def topic_of(inbound: Inbound) -> str:
    """`event:subscribe` for an event, `text` for a message; lower case, since WeChat itself writes SCAN and scancode_push."""
    return "event:" + inbound.event.lower() if inbound.msg_type == "event" else inbound.msg_type


def hears(*topics: str) -> frozenset[str]:
    return frozenset(topics)


@dataclass(frozen=True, slots=True)
class On:
    """A handler made of a function: what the files of `handlers/on` declare as `plugin`."""

    name: str
    stage: Stage
    hears: frozenset[str]
    act: Callable[[Inbound, Reads], Outcome | None]

    def matches(self, inbound: Inbound) -> bool:
        return listens(self.hears, topic_of(inbound))

    def handle(self, inbound: Inbound, reads: Reads) -> Outcome | None:
        return self.act(inbound, reads)


def listens(topics: frozenset[str], topic: str) -> bool:
    """Whether `topics` cover `topic`, by name or by beginning; none at all cover everything."""
    return not topics or topic in topics or any(each[-1] == "*" and topic.startswith(each[:-1]) for each in topics)


def kept_whole(inbound: Inbound, failed: Sequence[str] = ()) -> FactDraft:
    """The fact that keeps everything WeChat said, because nobody here could say what it meant."""
    data = {"event": inbound.event, "type": inbound.msg_type, "fields": dict(inbound.fields)}
    return FactDraft("event.unknown", {**data, "failed": list(failed)} if failed else data)


def fact(kind: str, number: int = 0, /, **data: Any) -> FactDraft:
    """A draft whose empty fields are left out; zero and False stay."""
    return FactDraft(kind, {name: value for name, value in data.items() if value is not None and value != ""}, number)


__all__ = ["ChannelView", "Channels", "Handler", "On", "Outcome", "Reads", "Stage", "fact", "hears", "kept_whole", "listens", "topic_of"]
