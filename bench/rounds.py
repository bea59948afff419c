"""Interleaved rounds and their medians: what slows the machine for a while slows both sides."""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field


def say(line: str) -> None:
    """Progress goes to standard error: standard output ends with the JSON line."""
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Duel:
    """One figure of ours beside the baseline's. `higher_is_better` is False for times."""

    name: str
    unit: str
    ours: float
    baseline: float
    least: float
    """The ratio that must be reached."""
    higher_is_better: bool = True
    notes: tuple[str, ...] = ()
    rounds: tuple[tuple[float, float], ...] = ()

    @property
    def ratio(self) -> float:
        return self.ours / self.baseline if self.higher_is_better else self.baseline / self.ours

    @property
    def met(self) -> bool:
        return self.ratio >= self.least


@dataclass(slots=True)
class Findings:
    """What one bench hands back: duels, tables to print, and what failed."""

    duels: list[Duel] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def interleave(rounds: int, ours: Callable[[int], float], baseline: Callable[[int], float], *, name: str) -> list[tuple[float, float]]:
    """Run both sides by turns, changing who goes first; each call answers its figure."""
    found = []
    for number in range(rounds):
        if number % 2 == 0:
            mine = ours(number)
            theirs = baseline(number)
        else:
            theirs = baseline(number)
            mine = ours(number)
        found.append((mine, theirs))
        say(f"  {name} round {number + 1}/{rounds}: ours {mine:,.1f}, baseline {theirs:,.1f}")
    return found


def duel(
    name: str,
    unit: str,
    found: list[tuple[float, float]],
    *,
    least: float,
    higher_is_better: bool = True,
    notes: tuple[str, ...] = (),
) -> Duel:
    """The medians of some rounds."""
    return Duel(
        name,
        unit,
        statistics.median(mine for mine, _ in found),
        statistics.median(theirs for _, theirs in found),
        least,
        higher_is_better,
        notes,
        tuple(found),
    )


def clocked(act: Callable[[], object]) -> float:
    """How many seconds an act took."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
