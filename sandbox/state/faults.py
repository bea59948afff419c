"""Faults on demand: which call fails how, how often and for whom."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.state.identity import chance


@dataclass(slots=True)
class Fault:
    """One rule; `left` counts down when it was given `times`, `draws` makes the percentage reproducible."""

    id: int
    path: str
    appid: str | None = None
    errcode: int = 0
    left: int | None = None
    percent: float = 100.0
    latency_ms: float = 0.0
    drop_after_accept: bool = False
    drop_before: bool = False
    draws: int = 0

    def public(self) -> dict[str, object]:
        """Return the rule as the control plane shows it."""
        return {
            "id": self.id,
            "path": self.path,
            "appid": self.appid,
            "errcode": self.errcode,
            "left": self.left,
            "percent": self.percent,
            "latency_ms": self.latency_ms,
            "drop_after_accept": self.drop_after_accept,
            "drop_before": self.drop_before,
            "draws": self.draws,
        }


class FaultBook:
    """All rules in the order they were made."""

    def __init__(self, seed: int) -> None:
        """`seed` decides every percentage."""
        self._seed = seed
        self._next = 1
        self.rules: list[Fault] = []

    def add(self, fault: Fault) -> int:
        """Keep a rule and return its id."""
        fault.id = self._next
        self._next += 1
        self.rules.append(fault)
        return fault.id

    def clear(self) -> None:
        """Forget all rules."""
        self.rules.clear()

    def draw(self, path: str, appid: str | None) -> Fault | None:
        """Return the first rule that strikes this call, counting it down, or None."""
        for fault in self.rules:
            if fault.path not in {path, "*"} or (fault.appid and fault.appid != appid) or fault.left == 0:
                continue
            fault.draws += 1
            if fault.percent < 100 and chance(self._seed, "fault", fault.id, fault.draws) * 100 >= fault.percent:
                continue
            if fault.left is not None:
                fault.left -= 1
            return fault
        return None
