"""Making an event durable: into the inbox, else straight into PostgreSQL, else an honest refusal."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from app.core.errors import UnavailableError
from app.core.inbox import Entry, InboxFullError
from app.core.log import get_logger
from jobs.ingest import record_now

if TYPE_CHECKING:
    from app.core.house import House

log = get_logger(__name__)
# After a failure one request in this many seconds tries the inbox again; the others do not wait for what is gone.
_PROBE_S = 3.0


class Acceptance:
    """Keeps an entry or says that it could not, before `deadline` (monotonic seconds)."""

    def __init__(self, house: "House") -> None:
        self._house = house
        self._away = ""
        self._probe_at = 0.0
        self._straight = ThreadPoolExecutor(house.settings.web_threads, thread_name_prefix="record")

    def keep(self, entry: Entry, *, deadline: float) -> None:
        """Make an entry durable. Raises UnavailableError when neither Redis nor PostgreSQL took it in time."""
        if self._may_append():
            try:
                self._house.inbox.append(entry)
            except InboxFullError:
                reason = "full"
            except (RedisError, OSError) as error:
                reason = self._away = type(error).__name__
                self._probe_at = monotonic() + _PROBE_S
            else:
                self._away = ""
                return
        else:
            reason = self._away
        self._record(entry, reason=reason, deadline=deadline)

    def _may_append(self) -> bool:
        if not self._away:
            return True
        now = monotonic()
        if now < self._probe_at:
            return False
        self._probe_at = now + _PROBE_S
        return True

    def _record(self, entry: Entry, *, reason: str, deadline: float) -> None:
        # In a thread of its own: a database that hangs must not hold the answer beyond what WeChat waits for. If it is recorded after all,
        # the repeat that WeChat then sends meets its key.
        waiting = self._straight.submit(record_now, self._house, entry)
        try:
            waiting.result(timeout=max(deadline - monotonic(), 0.1))
        except Exception as error:
            waiting.cancel()
            log.exception("event_not_accepted", alarm=True, appid=entry.appid, inbox=reason, database=type(error).__name__)
            raise UnavailableError("neither the inbox nor the database took the message", code="not_accepted") from error
        log.warning("recorded_without_inbox", appid=entry.appid, inbox=reason)
