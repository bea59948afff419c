"""A value read in the background: whoever asks gets what lies on the shelf while its source is slow or away."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from app.core.errors import UnavailableError
from app.core.log import get_logger

log = get_logger(__name__)
T = TypeVar("T")


class Shelf(Generic[T]):
    """Holds one value per process and renews it at most every `every_s`.

    A request that finds the value due starts one renewal and waits `wait_s` for it; all others, and all once that time is over, are served what
    is there. So neither Redis nor PostgreSQL, hanging or gone, can hold a webhook longer than `wait_s`. `read` is given the value it replaces.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[T | None], T],
        *,
        every_s: float = 1.0,
        wait_s: float = 0.25,
        first_wait_s: float = 2.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._read = read
        self._every_s = every_s
        self._wait_s = wait_s
        self._first_wait_s = first_wait_s
        self.monotonic = monotonic
        self._lock = threading.Lock()
        self._renewal: threading.Event | None = None
        self._value: T | None = None
        self._due = float("-inf")

    @property
    def filled(self) -> bool:
        """Whether there is a value to serve."""
        return self._value is not None

    def take(self) -> T:
        """The value, renewed when it was due and its source answered in time. Raises UnavailableError while there is none."""
        value = self._value
        if value is None or self.monotonic() >= self._due:
            value = self._renew()
        return value

    def forget(self) -> None:
        """Renew at the next `take`."""
        self._due = float("-inf")

    def read_anew(self, *, within_s: float) -> bool:
        """Read the source again, beginning now, and wait for it; says whether it was read in time."""
        until = time.monotonic() + within_s
        with self._lock:
            under_way = self._renewal
        if under_way is not None:
            # It may have looked before what we want to see was there.
            under_way.wait(within_s)
        renewal, _ = self._start()
        return renewal.wait(max(until - time.monotonic(), 0))

    def _start(self) -> tuple[threading.Event, bool]:
        """The renewal under way, and whether it was started here."""
        with self._lock:
            if self._renewal is not None:
                return self._renewal, False
            renewal = self._renewal = threading.Event()
        threading.Thread(target=self._run, args=(renewal,), name=f"renew-{self._name}", daemon=True).start()
        return renewal, True

    def _renew(self) -> T:
        renewal, started = self._start()
        if self._value is None:
            renewal.wait(self._first_wait_s)
        elif started:
            renewal.wait(self._wait_s)
        value = self._value
        if value is None:
            raise UnavailableError(f"{self._name}: nothing could be read yet", code="not_read_yet")
        return value

    def _run(self, renewal: threading.Event) -> None:
        try:
            self._value = self._read(self._value)
        except Exception as error:  # noqa: BLE001 - whatever ails the source, what is on the shelf is served on.
            log.warning("shelf_not_renewed", shelf=self._name, error=type(error).__name__, filled=self.filled)
        finally:
            self._due = self.monotonic() + self._every_s
            with self._lock:
                self._renewal = None
            renewal.set()
