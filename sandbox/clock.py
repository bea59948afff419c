"""The sandbox's own clock: real time plus a shift that tests may grow, and the periods quotas count in."""

from __future__ import annotations

import time
from typing import Final

_SHANGHAI_S: Final = 8 * 3600
_DAY_S: Final = 86_400


class Clock:
    """Time as the platform sees it; only ever shifted forward."""

    def __init__(self) -> None:
        """Start with real time."""
        self.offset_s = 0.0
        self._frozen: float | None = None

    def now(self) -> float:
        """Unix seconds."""
        return self._frozen if self._frozen is not None else time.time() + self.offset_s

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return int(self.now() * 1000)

    def advance(self, seconds: float) -> None:
        """Shift the clock forward by `seconds`."""
        self.offset_s += seconds

    def replay(self, at_ms: int | None) -> None:
        """Stand still at `at_ms` while the log is read again; None lets time run."""
        self._frozen = None if at_ms is None else at_ms / 1000

    def day(self) -> int:
        """Number of the day in Asia/Shanghai, where the platform's daily quotas turn."""
        return int(self.now() + _SHANGHAI_S) // _DAY_S

    def month(self) -> int:
        """Number of the calendar month in Asia/Shanghai."""
        local = time.gmtime(self.now() + _SHANGHAI_S)
        return local.tm_year * 12 + local.tm_mon

    def minute(self) -> int:
        """Number of the minute."""
        return int(self.now()) // 60
