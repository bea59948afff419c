"""Threads that have something to send at the same moment share one trip, so that each pays a part of its price."""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Seat(Generic[T, R]):
    """One load and what became of it."""

    __slots__ = ("arrived", "drives", "error", "load", "result")

    def __init__(self, load: T) -> None:
        self.load = load
        self.result: R | None = None
        self.error: BaseException | None = None
        self.drives = False
        self.arrived = threading.Lock()
        self.arrived.acquire()


class Convoy(Generic[T, R]):
    """`carry` sends one load and waits for its result. The first thread drives; whoever comes while it is away goes together with the next trip.

    `send` is given one or more loads in the order they came and answers with one result each. When it raises, everybody who rode or was
    waiting for the next trip gets that error: what is away for one is away for all, and each would wait for it anew.
    """

    def __init__(self, send: Callable[[list[T]], Sequence[R]], *, seats: int = 64) -> None:
        self._send = send
        self._seats = seats
        self._lock = threading.Lock()
        self._waiting: list[_Seat[T, R]] = []
        self._away = False

    def carry(self, load: T) -> R:
        """Send `load`, alone or with others. Raises what `send` raised."""
        seat: _Seat[T, R] = _Seat(load)
        with self._lock:
            self._waiting.append(seat)
            drives, self._away = not self._away, True
        if not drives:
            seat.arrived.acquire()
            drives = seat.drives
        if drives:
            self._drive()
        if seat.error is not None:
            raise seat.error
        return seat.result  # type: ignore[return-value]

    def _drive(self) -> None:
        with self._lock:
            riders, self._waiting = self._waiting[: self._seats], self._waiting[self._seats :]
        try:
            for seat, result in zip(riders, self._send([seat.load for seat in riders]), strict=True):
                seat.result = result
        except BaseException as error:  # noqa: BLE001 - nobody may be left waiting, whatever happens to the driver.
            with self._lock:
                riders, self._waiting = riders + self._waiting, []
            for seat in riders:
                seat.error = error
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._away = following is not None
        for seat in riders:
            seat.arrived.release()
        if following is not None:
            following.drives = True
            following.arrived.release()
