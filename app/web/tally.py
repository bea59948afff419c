"""Counters that never cost a request anything: added up in memory, carried to Redis by a thread of their own."""

import threading
import time
from collections import Counter

from redis import Redis
from redis.exceptions import RedisError

from app.core.log import get_logger

log = get_logger(__name__)
# Codes are ours and few; this only keeps a mistake from growing without end.
_MOST_NAMES = 200


def last_key(key: str) -> str:
    """The hash of the moments beside the hash of the counts."""
    return f"{key}:last"


class Tally:
    """One Redis hash of counts by name, and beside it one of when each was last raised, in unix seconds.

    While Redis is away the counts wait here and are lost only with the process.
    """

    def __init__(self, redis: Redis, key: str) -> None:
        self.key = key
        self._redis = redis
        self._lock = threading.Lock()
        self._waiting: Counter[str] = Counter()
        self._carrier: threading.Thread | None = None

    def count(self, name: str) -> None:
        """Add one; returns at once."""
        with self._lock:
            if len(self._waiting) < _MOST_NAMES or name in self._waiting:
                self._waiting[name] += 1
            if self._carrier is None:
                self._carrier = threading.Thread(target=self._carry, name="tally", daemon=True)
                self._carrier.start()

    def settle(self, timeout_s: float = 2.0) -> None:
        """Wait until what was counted so far has been carried, or could not be."""
        carrier = self._carrier
        if carrier is not None:
            carrier.join(timeout_s)

    def _carry(self) -> None:
        while True:
            with self._lock:
                load, self._waiting = self._waiting, Counter()
                if not load:
                    self._carrier = None
                    return
            try:
                with self._redis.pipeline(transaction=False) as pipe:
                    for name, number in load.items():
                        pipe.hincrby(self.key, name, number)
                        pipe.hset(last_key(self.key), name, int(time.time()))
                    pipe.execute()
            except RedisError as error:
                log.warning("tally_waits", error=type(error).__name__)
                with self._lock:
                    self._waiting.update(load)
                    self._carrier = None
                return
