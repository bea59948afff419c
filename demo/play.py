"""Plays a day in real time: every act leaves at its moment, each person's in order, with the pauses that WeChat's seconds need."""

import heapq
import time
from collections.abc import Callable, Sequence

from demo.control import Control
from demo.day import PAUSE_S, Timed

_TICK_S = 0.05
_MOST = 200
_TURNS = frozenset({"follow", "unfollow"})


def play(
    control: Control, lines: Sequence[Sequence[Timed]], *, seconds: float, tell: Callable[[float, int], None] = lambda *_: None
) -> int:
    """Let everything happen; says how many acts there were. `tell` is called about every second with the share of the day and the acts so far."""
    began = time.monotonic()
    due = [(line[0].at_s, number, 0) for number, line in enumerate(lines) if line]
    heapq.heapify(due)
    done, told = 0, -1
    while due:
        now = time.monotonic() - began
        batch: list[tuple[int, int]] = []
        while due and due[0][0] <= now and len(batch) < _MOST:
            _, number, place = heapq.heappop(due)
            batch.append((number, place))
        if not batch:
            time.sleep(min(_TICK_S, max(due[0][0] - now, 0.001)))
            continue
        control.post("act", [lines[number][place].act for number, place in batch])
        done += len(batch)
        happened = time.monotonic() - began
        for number, place in batch:
            if place + 1 < len(lines[number]):
                heapq.heappush(due, (_next_at(lines[number], place + 1, happened=happened), number, place + 1))
        if due and int(happened) != told:
            told = int(happened)
            tell(min(happened / seconds, 1.0), done)
    tell(1.0, done)
    return done


def _next_at(line: Sequence[Timed], place: int, *, happened: float) -> float:
    """When the next act of a person may leave: at its moment, and a pause after a change of heart however late the play runs."""
    turn = line[place].act["do"] in _TURNS or line[place - 1].act["do"] in _TURNS
    return max(line[place].at_s, happened + PAUSE_S / 2 + 0.1) if turn else line[place].at_s
