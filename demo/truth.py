"""What really happened, from the platform's own log and nothing else."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OK = 200
Record = dict[str, Any]


@dataclass(slots=True)
class Event:
    """Something the platform told an account about, or tried to."""

    number: int
    n: int
    appid: str
    openid: str
    person: str
    fields: Record
    heard: bool = False
    """Some try was answered with 200."""
    silent: bool = False
    """Some try got no answer, or a 5xx: nobody knows whether it was kept."""
    open: int = 0
    """Tries whose answer is not in the log."""

    @property
    def doubtful(self) -> bool:
        """Whether it may have been kept without our knowing."""
        return not self.heard and (self.silent or self.open > 0)

    @property
    def second(self) -> int:
        return int(self.fields["CreateTime"])

    @property
    def sameness(self) -> str:
        """Equal for two events that carry the same fields on the same account: nobody can tell these apart."""
        return self.appid + json.dumps(self.fields, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Message:
    """A template message that reached a person's screen."""

    appid: str
    openid: str
    person: str
    template_id: str
    msgid: str


@dataclass(slots=True)
class Truth:
    """Everything the log says since its last reset."""

    events: dict[int, Event] = field(default_factory=dict)
    following: dict[tuple[str, str], bool] = field(default_factory=dict)
    """By (appid, openid), as it stands at the end of the log."""
    imported: set[tuple[str, str]] = field(default_factory=set)
    """Who followed when the account last asked for the list of its followers."""
    person_of: dict[tuple[str, str], str] = field(default_factory=dict)
    group_of: dict[str, str] = field(default_factory=dict)
    """The Open Platform of an account: accounts of one see the same unionid."""
    messages: list[Message] = field(default_factory=list)
    receipts: dict[str, str] = field(default_factory=dict)
    """Status by msgid."""
    people: int = 0
    callbacks: int = 0
    garbage: int = 0
    """Answers that WeChat could not read."""

    def told(self) -> list[Event]:
        """The events an account may know of, in the order they happened."""
        return [event for _, event in sorted(self.events.items()) if event.heard or event.doubtful]


def read_truth(log: Path) -> Truth:
    """The truth in a log. Raises ValueError when a line is no record."""
    truth = Truth()
    for entry in _records(log):
        if entry["type"] == "control" and entry.get("do") == "reset":
            truth = Truth()
        else:
            _READERS.get(entry["type"], _nothing)(truth, entry)
    return truth


def _records(log: Path) -> Iterator[Record]:
    with log.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return
            yield json.loads(line)


def _nothing(truth: Truth, entry: Mapping[str, Any]) -> None:
    """Records that change nothing here."""


def _account(truth: Truth, entry: Mapping[str, Any]) -> None:
    truth.group_of[entry["appid"]] = entry.get("open_platform") or ""


def _person(truth: Truth, entry: Mapping[str, Any]) -> None:
    del entry
    truth.people += 1


def _happened(truth: Truth, entry: Mapping[str, Any]) -> None:
    """An act or a receipt: both are events an account hears of."""
    contact = (entry["appid"], entry["openid"])
    truth.person_of[contact] = entry["person"]
    fields = entry.get("fields")
    if fields is None:
        return
    truth.events[entry["event"]] = Event(entry["event"], entry["n"], *contact, entry["person"], fields)
    if fields.get("Event") in {"subscribe", "unsubscribe"}:
        truth.following[contact] = fields["Event"] == "subscribe"
    if entry["type"] == "receipt":
        truth.receipts[str(entry["msgid"])] = entry["status"]


def _callback(truth: Truth, entry: Mapping[str, Any]) -> None:
    truth.callbacks += 1
    event = truth.events.get(entry["event"])
    if event is not None:
        event.open += 1


def _answer(truth: Truth, entry: Mapping[str, Any]) -> None:
    event = truth.events.get(entry["event"])
    if event is None:
        return
    truth.garbage += entry.get("reply") == "garbage"
    status = entry["status"]
    event.open -= 1
    event.heard = event.heard or status == OK
    event.silent = event.silent or status == 0 or status >= 500


def _call(truth: Truth, entry: Mapping[str, Any]) -> None:
    if entry["path"] == "/cgi-bin/user/get" and entry["errcode"] == 0:
        truth.imported |= {contact for contact, follows in truth.following.items() if follows and contact[0] == entry["appid"]}


def _message(truth: Truth, entry: Mapping[str, Any]) -> None:
    if entry["via"] == "template":
        contact = (entry["appid"], entry["openid"])
        truth.messages.append(Message(*contact, entry["person"], entry["template_id"], str(entry["msgid"])))


_READERS = {
    "account": _account,
    "person": _person,
    "act": _happened,
    "receipt": _happened,
    "callback": _callback,
    "answer": _answer,
    "call": _call,
    "message": _message,
}


def by_sameness(events: list[Event]) -> list[Event]:
    """Events that can be told apart: of several with the same fields the first."""
    groups: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        groups[event.sameness].append(event)
    return [group[0] for group in groups.values()]
