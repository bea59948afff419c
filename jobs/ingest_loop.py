"""The ingest process: own pending entries first, then fresh ones, then those another process left behind."""

import threading
import time
from collections.abc import Sequence

import redis.exceptions
from sqlalchemy.orm import Session

from app.core.house import House
from app.core.inbox import Entry, RawEntry
from app.core.log import get_logger
from app.core.unit import work
from jobs.dead import bury
from jobs.faults import blames_data
from jobs.ingest import BATCH, record_batch

log = get_logger(__name__)
IDLE_MS = 60_000
FAILURES_BEFORE_DEATH = 5


class IngestLoop:
    """One consumer of the inbox. `stop` ends it after the batch in hand."""

    def __init__(self, house: House, consumer: str, *, batch: int = BATCH, idle_ms: int = IDLE_MS, retry_s: float = 1.0) -> None:
        self._house = house
        self._consumer = consumer
        self._batch = batch
        self._idle_ms = idle_ms
        self._retry_s = retry_s
        self._stopping = threading.Event()
        self._limping: dict[str, RawEntry] = {}
        """Entries that failed alone and wait for their next try."""
        self._next_retry = 0.0
        self._next_adoption = 0.0
        self._recovered = False

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        """Work until stopped. A part that is away pauses the loop; it never ends it and never costs an entry."""
        pause_s = 0.1
        while not self._stopping.is_set():
            try:
                self.step(block_ms=500)
                pause_s = 0.1
            except Exception as error:  # noqa: BLE001 - the loop outlives every fault; the entries are still in the stream.
                log.warning("ingest_paused", error=type(error).__name__, pause_s=pause_s)
                self._stopping.wait(pause_s)
                pause_s = min(pause_s * 2, 2.0)

    def step(self, *, block_ms: int = 0) -> int:
        """Take one batch and record it; says how many entries were settled.

        Raises when a part is away; the entries in hand are then this consumer's own pending ones, and the next step begins with them.
        """
        try:
            settled = self._retry_limping()
            return settled + self._digest(self._take(block_ms=block_ms))
        except BaseException:
            self._recovered = False
            raise

    def _take(self, *, block_ms: int) -> list[RawEntry]:
        inbox = self._house.inbox
        try:
            if not self._recovered:
                inbox.ensure_group()
                mine = [entry for entry in self._own_pending() if entry.stream_id not in self._limping]
                if mine:
                    return mine
                self._recovered = True
            if time.monotonic() >= self._next_adoption:
                self._next_adoption = time.monotonic() + self._idle_ms / 4000
                adopted = inbox.adopt(self._consumer, idle_ms=self._idle_ms, count=self._batch)
                left = [entry for entry in adopted if entry.stream_id not in self._limping]
                if left:
                    self._next_adoption = 0.0
                    return left
            return inbox.fresh(self._consumer, count=self._batch, block_ms=block_ms if not self._limping else min(block_ms, 200) or 1)
        except redis.exceptions.ResponseError as error:
            if "NOGROUP" in str(error):
                # The inbox Redis came back empty or restored: begin again at 0 with whatever it holds.
                inbox.ensure_group()
                self._recovered = False
                return []
            raise

    def _own_pending(self) -> list[RawEntry]:
        """The first own entries that are not limping; a page of nothing but limping ones is stepped over."""
        after = "0"
        while True:
            page = self._house.inbox.own_pending(self._consumer, count=self._batch, after=after)
            if not page or any(entry.stream_id not in self._limping for entry in page):
                return page
            after = page[-1].stream_id

    def _digest(self, raws: Sequence[RawEntry]) -> int:
        """Record entries in one transaction; on bad data, halve them until the bad one stands alone."""
        if not raws:
            return 0
        try:
            with work(self._house.engine) as session:
                self._record(session, raws)
        except Exception as error:
            if not blames_data(error):
                raise
            if len(raws) > 1:
                middle = len(raws) // 2
                return self._digest(raws[:middle]) + self._digest(raws[middle:])
            return self._fail_alone(raws[0], error)
        self._house.inbox.settle(raws)
        for raw in raws:
            self._limping.pop(raw.stream_id, None)
        return len(raws)

    def _record(self, session: Session, raws: Sequence[RawEntry]) -> None:
        record_batch(session, [Entry.unpack(raw.raw, raw.stream_id) for raw in raws], house=self._house)

    def _fail_alone(self, raw: RawEntry, error: Exception) -> int:
        failures = self._house.inbox.count_failure(raw.stream_id)
        log.warning("entry_failed", stream_id=raw.stream_id, failures=failures, error=type(error).__name__)
        if failures < FAILURES_BEFORE_DEATH:
            self._limping[raw.stream_id] = raw
            self._next_retry = time.monotonic() + self._retry_s
            return 0
        with work(self._house.engine) as session:
            bury(session, raw, ring=self._house.ring, reason=type(error).__name__, now=self._house.clock.now())
        self._house.inbox.settle([raw])
        self._limping.pop(raw.stream_id, None)
        return 1

    def _retry_limping(self) -> int:
        if not self._limping or time.monotonic() < self._next_retry:
            return 0
        self._next_retry = time.monotonic() + self._retry_s
        return sum(self._digest([raw]) for raw in list(self._limping.values()))
