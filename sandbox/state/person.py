"""A person with a phone, and his contact to each account."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

SCREEN_SIZE: Final = 1000
TIMELINE_SIZE: Final = 200

# Customer-service windows of the platform: what the person did -> (messages, seconds).
WINDOWS: Final[dict[str, tuple[int, float]]] = {
    "write": (5, 48 * 3600.0),
    "click": (3, 60.0),
    "follow": (3, 60.0),
    "scan": (3, 60.0),
    "pay": (1 << 62, 48 * 3600.0),
    "enter_mini": (2, 60.0),
}


@dataclass(slots=True)
class Contact:
    """One person as one account knows him; it exists from the first touch on."""

    person: str
    appid: str
    openid: str
    unionid: str
    following: bool = False
    subscribe_time: int = 0
    subscribe_scene: str = ""
    qr_scene: int = 0
    qr_scene_str: str = ""
    remark: str = ""
    tag_ids: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    windows: dict[str, tuple[float, int]] = field(default_factory=dict)
    mass: tuple[int, int] = (0, 0)
    timeline: deque[bytes] = field(default_factory=lambda: deque(maxlen=TIMELINE_SIZE))

    def open_window(self, why: str, at: float) -> None:
        """Start (or start again) the customer-service window that `why` opens at `at` (unix seconds)."""
        count, seconds = WINDOWS[why]
        self.windows[why] = (at + seconds, count)

    def window(self, now: float) -> tuple[str | None, bool]:
        """Return the window to use next and whether any is open at all; the one that ends first is used first."""
        is_open = [(until, why, left) for why, (until, left) in self.windows.items() if until > now]
        usable = sorted(entry for entry in is_open if entry[2] > 0)
        return (usable[0][1] if usable else None), bool(is_open)

    def use_window(self, why: str) -> None:
        """Take one message from a window."""
        until, left = self.windows.get(why, (0.0, 1))
        self.windows[why] = (until, left - 1)


@dataclass(slots=True)
class Person:
    """A human with a phone; `screen` holds the log lines of what reached him, oldest first."""

    id: str
    name: str
    phone: str
    contacts: dict[str, Contact] = field(default_factory=dict)
    screen: deque[bytes] = field(default_factory=lambda: deque(maxlen=SCREEN_SIZE))
