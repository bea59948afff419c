"""The whole platform in memory: every change is a record, written to the log and then applied."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from sandbox.state.faults import FaultBook
from sandbox.state.identity import digest, openid, unionid
from sandbox.state.person import Contact, Person
from sandbox.state.settings import Settings
from sandbox.state.tokens import TokenBook

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.clock import Clock
    from sandbox.state.account import Account
    from sandbox.state.merchant import Merchant, Notice

    Record = dict[str, Any]
    Effect = Callable[["World", Record, bytes], None]

RECENT: Final = 600
FIRST_MSGID: Final = 3_190_000_000_000_000_000
FIRST_INBOUND_ID: Final = 24_000_000_000_000_000
FIRST_MASS_ID: Final = 1_000_000_001


@dataclass(slots=True)
class Event:
    """Something the platform has to tell an account; `tries` counts the callbacks that went out."""

    number: int
    appid: str
    openid: str
    person: str
    fields: dict[str, Any]
    tries: int = 0
    copies: int = 1
    shown: bool = False
    replied: bool = False
    rendered: bytes | None = None


@dataclass(slots=True)
class Awaited:
    """A message, or a mass job, whose receipt is still to come; `event` is set where it is no template message."""

    msgid: int
    appid: str
    openid: str
    person: str
    event: Record | None = None
    status: str = ""


@dataclass(frozen=True, slots=True)
class WebToken:
    """What a person's web authorisation gave the account; `expires_at` is unix seconds."""

    appid: str
    openid: str
    scope: str
    expires_at: float


@dataclass(slots=True)
class Totals:
    """Figures of /_control/state."""

    events: int = 0
    calls: int = 0
    refused: int = 0
    callbacks_ok: int = 0
    callbacks_failed: int = 0
    messages: dict[str, int] = field(default_factory=dict)
    receipts: int = 0


class World:
    """Accounts, people, tokens, faults and settings; `record` is the only way to change them."""

    def __init__(self, seed: int, clock: Clock, effects: dict[str, Effect], emit: Callable[[bytes], None]) -> None:
        """`effects` apply a record by its type; `emit` takes each new log line."""
        self.seed = seed
        self.clock = clock
        self._effects = effects
        self._emit = emit
        self.n = 0
        self.last_event = 0
        self.next_msgid = FIRST_MSGID
        self.next_inbound_id = FIRST_INBOUND_ID
        self.next_mass_id = FIRST_MASS_ID
        self.serial = 0
        self.recent: deque[bytes] = deque(maxlen=RECENT)
        self.on_event: Callable[[Event], None] | None = None
        self.on_awaited: Callable[[Awaited], None] | None = None
        self.clear()

    def clear(self) -> None:
        """Forget everything but the sequence numbers, which never go back."""
        self.settings = Settings()
        self.accounts: dict[str, Account] = {}
        self.people: dict[str, Person] = {}
        self.tokens = TokenBook(self.clock)
        self.faults = FaultBook(self.seed)
        self.pending: dict[int, Event] = {}
        self.unreceipted: dict[int, Awaited] = {}
        self.login_codes: dict[str, tuple[str, str, str, float]] = {}
        self.used_codes: dict[str, None] = {}
        self.web_tokens: dict[str, WebToken] = {}
        self.scans: dict[str, Record] = {}
        self.browser = ""
        self.merchants: dict[str, Merchant] = {}
        self.payments: dict[str, Record] = {}
        self.notices: dict[str, Notice] = {}
        self.totals = Totals()
        self.next_person = 1

    # -- records -------------------------------------------------------------------------------

    def record(self, type_: str, fields: Record) -> bytes:
        """Write one record and apply it; returns its line. `fields` become its own."""
        self.n += 1
        entry: Record = {"n": self.n, "at": self.clock.now_ms(), "type": type_, **fields}
        # The copy is as long as the line; what orjson returns keeps the kilobyte it was written into.
        line = bytes(memoryview(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)))
        self._emit(line)
        self.recent.append(line)
        self._effects[type_](self, entry, line)
        return line

    def replay(self, line: bytes) -> None:
        """Apply a line that an earlier run wrote; raises ValueError when it is no record."""
        entry = orjson.loads(line)
        effect = self._effects.get(entry.get("type", "")) if isinstance(entry, dict) else None
        if effect is None or not isinstance(entry.get("n"), int):
            message = f"not a record of the truth log: {line[:80]!r}"
            raise ValueError(message)
        self.n = entry["n"]
        self.clock.replay(entry["at"])
        self.recent.append(line)
        effect(self, entry, line)

    # -- names ---------------------------------------------------------------------------------

    def next_event(self) -> int:
        """Return the number the next event will have; the record that carries it uses it up."""
        return self.last_event + 1

    def event_happened(self, entry: Record) -> None:
        """Take the event inside an act or receipt record into the queue of callbacks."""
        number: int = entry["event"]
        self.last_event = max(self.last_event, number)
        self.totals.events += 1
        account = self.accounts.get(entry["appid"])
        if account is None or not account.callback_url:
            return
        event = Event(number, entry["appid"], entry["openid"], entry["person"], entry["fields"])
        self.pending[number] = event
        if self.on_event:
            self.on_event(event)

    def await_receipt(self, awaited: Awaited) -> None:
        """Expect the receipt of a message."""
        self.unreceipted[awaited.msgid] = awaited
        if self.on_awaited:
            self.on_awaited(awaited)

    def rid(self) -> str:
        """Return a request id as errmsg carries it."""
        self.serial += 1
        raw = digest(self.seed, "rid", self.n, self.serial, size=8).hex()
        return f"{int(self.clock.now()):08x}-{raw[:8]}-{raw[8:]}"

    # -- people --------------------------------------------------------------------------------

    def contact(self, person: Person, account: Account, *, keep: bool = True) -> Contact:
        """Return the person's contact to the account; the first touch makes it, `keep=False` only looks ahead."""
        found = person.contacts.get(account.appid)
        if found is None:
            found = Contact(
                person.id,
                account.appid,
                openid(self.seed, person.id, account.appid),
                unionid(self.seed, person.id, account.open_platform),
            )
            if keep:
                person.contacts[account.appid] = found
                account.contacts[found.openid] = found
        return found
