"""What the twin remembers: accounts, the people who touched them, and what is used of each quota."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.core.accounts import OpenAccount
from app.core.clock import SHANGHAI, business_day

DAY_S = 86_400.0
QUOTA: Mapping[str, int] = {
    "template": 100_000,
    "mass": 4,
    "mass_minute": 60,
    "mass_all": 1,
    "mass_subscription": 1,
    "qr": 100_000,
    "tags": 100,
    "tags_per_person": 20,
    "subscribe": 10_000_000,
    "custom": 500_000,
    "login_minute": 100,
    "preview": 100,
}
# What a person did opens a window: so many customer-service messages within so many seconds.
WINDOWS: Mapping[str, tuple[int, float]] = {
    "write": (5, 2 * DAY_S),
    "click": (3, 60.0),
    "follow": (3, 60.0),
    "scan": (3, 60.0),
    "pay": (1 << 62, 2 * DAY_S),
    "enter_mini": (2, 60.0),
}


@dataclass(slots=True)
class Contact:
    """One person as one account knows him."""

    person: str
    openid: str
    unionid: str
    phone: str
    following: bool = False
    subscribe_time: int = 0
    subscribe_scene: str = ""
    qr_scene: int = 0
    qr_scene_str: str = ""
    tag_ids: list[int] = field(default_factory=list)
    windows: dict[str, tuple[float, int]] = field(default_factory=dict)
    mass: tuple[int, int] = (0, 0)
    """Month and how many mass messages reached him in it."""

    def open_window(self, why: str, now: float) -> None:
        number, seconds = WINDOWS[why]
        self.windows[why] = (now + seconds, number)

    def usable_window(self, now: float) -> tuple[str | None, bool]:
        """The window to use next (the one that ends first), and whether any is open at all."""
        live = sorted((until, why, left) for why, (until, left) in self.windows.items() if until > now)
        return next((why for _, why, left in live if left > 0), None), bool(live)


@dataclass(slots=True)
class Made:
    """A template of the account: the order of its `fields` is the order they are checked in."""

    template_id: str
    title: str
    content: str
    fields: tuple[str, ...]
    purpose: str


class Counters:
    """What is used of each quota in its own period: minute, day in Shanghai, or for good."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._used: dict[str, tuple[object, int]] = {}

    def _period(self, kind: str) -> object:
        if kind == "qr":
            return ""
        return int(self._now().timestamp()) // 60 if "_minute" in kind else business_day(self._now())

    def used(self, kind: str) -> int:
        period, number = self._used.get(kind, ("", 0))
        return number if period == self._period(kind) else 0

    def put(self, kind: str, number: int) -> None:
        self._used[kind] = (self._period(kind), number)

    def add(self, kind: str) -> None:
        self.put(kind, self.used(kind) + 1)


@dataclass(slots=True)
class Known:
    """An account as the twin's platform knows it."""

    account: OpenAccount
    unionid_scope: str
    counters: Counters
    token_serial: int = 1
    token_dead: bool = False
    contacts: dict[str, Contact] = field(default_factory=dict)
    tags: dict[int, str] = field(default_factory=dict)
    next_tag: int = 100
    menu: dict[str, Any] | None = None
    conditional: dict[int, dict[str, Any]] = field(default_factory=dict)
    next_menu: int = 200_000_001
    templates: dict[str, Made] = field(default_factory=dict)
    tickets: dict[str, str] = field(default_factory=dict)
    media: set[str] = field(default_factory=set)
    client_messages: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    mass_sends: dict[str, tuple[float, int]] = field(default_factory=dict)
    mass_states: dict[int, str] = field(default_factory=dict)
    mass_floor: int = 0
    popups: dict[tuple[str, str], int] = field(default_factory=dict)
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """One-time codes: what for, and whose openid."""


def month_of(moment: datetime) -> int:
    """The calendar month in Shanghai as one number."""
    local = moment.astimezone(SHANGHAI)
    return local.year * 12 + local.month
