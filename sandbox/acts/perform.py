"""Let a person act: check it, write the act record, apply it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.acts import cards, following, mini, talking
from sandbox.acts.base import APPLY, PERFORM, Act, ActImpossibleError, ActWrongError

if TYPE_CHECKING:
    from sandbox.state.account import Account
    from sandbox.state.person import Contact
    from sandbox.state.world import Record, World

_FAMILIES: Final = (cards, following, mini, talking)
MAX_PENDING: Final = 1_000_000
_LAST_SECOND: Final = 1 << 33


def act_names() -> list[str]:
    """Return every `do` there is."""
    return sorted(PERFORM)


def perform(world: World, params: dict[str, Any]) -> Record:
    """Do one act and return `{event, ...}` for the actor; raises ActWrongError or ActImpossibleError."""
    act = _read(world, params)
    if len(world.pending) >= MAX_PENDING:
        message = "too many callbacks are pending"
        raise ActImpossibleError(message)
    happening = PERFORM[act.do](act)
    entry: Record = {
        "person": act.person.id,
        "appid": act.account.appid,
        "openid": act.contact.openid,
        "unionid": act.contact.unionid,
        "do": act.do,
        **(happening.more or {}),
    }
    if happening.fields is not None:
        entry["fields"] = happening.fields
        entry["event"] = world.next_event()
    world.record("act", entry)
    return {"event": entry.get("event"), **(happening.told or {})}


def _read(world: World, params: dict[str, Any]) -> Act:
    person = world.people.get(params.get("person", "")) if isinstance(params.get("person"), str) else None
    account = world.accounts.get(params.get("appid", "")) if isinstance(params.get("appid"), str) else None
    do = params.get("do")
    if person is None:
        message = f"no person {params.get('person')!r}"
        raise ActWrongError(message)
    if account is None:
        message = f"no account {params.get('appid')!r}"
        raise ActWrongError(message)
    if not isinstance(do, str) or do not in PERFORM:
        message = f"do is one of {', '.join(act_names())}"
        raise ActWrongError(message)
    at = params.get("at", int(world.clock.now()))
    if not isinstance(at, (int, float)) or isinstance(at, bool) or not 0 <= at < _LAST_SECOND:
        message = "at is unix seconds"
        raise ActWrongError(message)
    return Act(world, account, person, world.contact(person, account, keep=False), do, int(at), params)


def platform_event(world: World, account: Account, contact: Contact, fields: Record) -> int:
    """Let the platform itself tell an event of a person, as after a card was consumed by a call."""
    entry: Record = {
        "person": contact.person,
        "appid": account.appid,
        "openid": contact.openid,
        "unionid": contact.unionid,
        "do": "platform",
        "fields": {
            "ToUserName": account.original_id,
            "FromUserName": contact.openid,
            "CreateTime": int(world.clock.now()),
            "MsgType": "event",
            **fields,
        },
        "event": world.next_event(),
    }
    number: int = entry["event"]
    world.record("act", entry)
    return number


def apply_act(world: World, entry: Record, line: bytes) -> None:
    """Apply an act record, live or from the log."""
    account = world.accounts[entry["appid"]]
    contact = world.contact(world.people[entry["person"]], account)
    contact.timeline.append(line)
    apply = APPLY.get(entry["do"])
    if apply:
        apply(world, account, contact, entry)
    if "event" in entry:
        world.event_happened(entry)


__all__ = ["ActImpossibleError", "ActWrongError", "act_names", "apply_act", "perform", "platform_event"]
