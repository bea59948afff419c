"""Counters that turn with the day, the minute or never, one set an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.clock import Clock

_MINUTE_KINDS = frozenset({"mass_minute", "stable_minute", "wxacode_minute"})
_LASTING_KINDS = frozenset({"qr"})


class Counters:
    """How much of each quota is used in its current period."""

    __slots__ = ("_clock", "_used")

    def __init__(self, clock: Clock) -> None:
        """Start with nothing used."""
        self._clock = clock
        self._used: dict[str, tuple[int, int]] = {}

    def _period(self, kind: str) -> int:
        if kind in _LASTING_KINDS:
            return 0
        if kind in _MINUTE_KINDS or kind.startswith("login_minute"):
            return self._clock.minute()
        return self._clock.day()

    def used(self, kind: str) -> int:
        """Return what is used of `kind` now."""
        period, count = self._used.get(kind, (0, 0))
        return count if period == self._period(kind) else 0

    def add(self, kind: str, count: int = 1) -> None:
        """Use `count` more of `kind`."""
        self._used[kind] = (self._period(kind), self.used(kind) + count)

    def set(self, kind: str, used: int) -> None:
        """Say how much is used, for tests."""
        self._used[kind] = (self._period(kind), used)

    def all(self) -> dict[str, int]:
        """Return what is used of every kind that was touched in its current period."""
        return {kind: used for kind in self._used if (used := self.used(kind))}
