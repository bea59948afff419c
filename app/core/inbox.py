"""The inbox: a Redis stream that makes an accepted event durable in one round trip, and hands it out in batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from redis import Redis
from redis.exceptions import ResponseError

from app.core.clock import from_unix
from app.core.convoy import Convoy
from app.core.facts import FactDraft
from app.core.inbound import Inbound

GROUP = "ingest"

# The size check and the appends are one script, so that what several requests bring at once costs one round trip and one fsync.
_APPEND = """
local held, most, added, taken = tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[1]), 0, {}
for i = 2, #ARGV do
  if held + added + #ARGV[i] > most then
    taken[i - 1] = 0
  else
    added = added + #ARGV[i]
    redis.call('XADD', KEYS[1], '*', 'd', ARGV[i])
    taken[i - 1] = 1
  end
end
if added > 0 then redis.call('INCRBY', KEYS[2], added) end
return taken
"""


class InboxFullError(Exception):
    """The stream holds as many bytes as it may."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted inbound with the drafts of its facts: what travels through the stream."""

    key: str
    appid: str
    openid: str
    msg_type: str
    event: str
    occurred_at: datetime
    received_at: datetime
    drafts: tuple[FactDraft, ...]
    stream_id: str = ""
    size: int = field(default=0, compare=False)

    def pack(self) -> bytes:
        return orjson.dumps(
            {
                "k": self.key,
                "a": self.appid,
                "o": self.openid,
                "m": self.msg_type,
                "e": self.event,
                "t": self.occurred_at.timestamp(),
                "r": self.received_at.timestamp(),
                "f": [[draft.kind, draft.number, dict(draft.data)] for draft in self.drafts],
            }
        )

    @classmethod
    def unpack(cls, raw: bytes, stream_id: str = "") -> "Entry":
        """Read what `pack` wrote. Raises ValueError, KeyError or TypeError on anything else."""
        held: dict[str, Any] = orjson.loads(raw)
        return cls(
            key=str(held["k"]),
            appid=str(held["a"]),
            openid=str(held["o"]),
            msg_type=str(held["m"]),
            event=str(held["e"]),
            occurred_at=from_unix(held["t"]),
            received_at=from_unix(held["r"]),
            drafts=tuple(FactDraft(kind, data, number) for kind, number, data in held["f"]),
            stream_id=stream_id,
            size=len(raw),
        )


def entry_of(inbound: Inbound, drafts: Sequence[FactDraft]) -> Entry:
    return Entry(
        inbound.key, inbound.appid, inbound.openid, inbound.msg_type, inbound.event, inbound.occurred_at, inbound.received_at, tuple(drafts)
    )


@dataclass(frozen=True, slots=True)
class RawEntry:
    """A stream entry as it lies there: its bytes may turn out not to be an Entry."""

    stream_id: str
    raw: bytes


class Inbox:
    """The stream of one house. `redis` is a client with undecoded answers and short time limits."""

    def __init__(self, redis: Redis, prefix: str, *, max_bytes: int) -> None:
        self._redis = redis
        self.stream = f"{prefix}:inbox"
        self.held = f"{prefix}:inbox:bytes"
        self._failures = f"{prefix}:inbox:failures"
        self._max_bytes = max_bytes
        self._script = redis.register_script(_APPEND)
        self._convoy: Convoy[bytes, int] = Convoy(self._send)

    @property
    def redis(self) -> Redis:
        return self._redis

    def append(self, entry: Entry) -> None:
        """Make an entry durable. Raises InboxFullError, or redis errors when Redis is away."""
        if not self._convoy.carry(entry.pack()):
            raise InboxFullError

    def _send(self, packed: list[bytes]) -> list[int]:
        taken: Any = self._script(keys=[self.stream, self.held], args=[self._max_bytes, *packed])
        return [int(each) for each in taken]

    def ensure_group(self) -> None:
        """Create the group at 0, so that a group lost with its Redis reads everything that is still there."""
        try:
            self._redis.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def own_pending(self, consumer: str, *, count: int, after: str = "0") -> list[RawEntry]:
        """What this consumer was given before and never acknowledged: its own work from before a crash."""
        return self._read(consumer, after, count=count, block_ms=None)

    def fresh(self, consumer: str, *, count: int, block_ms: int) -> list[RawEntry]:
        """Entries nobody was given yet; waits up to `block_ms` for the first."""
        return self._read(consumer, ">", count=count, block_ms=block_ms)

    def adopt(self, consumer: str, *, idle_ms: int, count: int) -> list[RawEntry]:
        """Take over entries that another consumer left lying for `idle_ms`."""
        answer: Any = self._redis.xautoclaim(self.stream, GROUP, consumer, min_idle_time=idle_ms, start_id="0-0", count=count)
        return [RawEntry(stream_id.decode(), fields.get(b"d", b"")) for stream_id, fields in answer[1] if fields]

    def settle(self, entries: Sequence[RawEntry]) -> None:
        """Acknowledge and delete entries whose facts are committed, in one MULTI."""
        if not entries:
            return
        ids = [entry.stream_id for entry in entries]
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(self.stream, GROUP, *ids)
            pipe.xdel(self.stream, *ids)
            pipe.decrby(self.held, sum(len(entry.raw) for entry in entries))
            pipe.hdel(self._failures, *ids)
            pipe.xlen(self.stream)
            left = pipe.execute()[-1]
        if not left:
            # A settle whose answer was lost subtracts twice; an empty stream is the moment to set the sum right.
            self._redis.eval("if redis.call('XLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[2]) end", 2, self.stream, self.held)

    def count_failure(self, stream_id: str) -> int:
        """Count one failure of an entry that failed alone; says how many there are now."""
        return int(self._redis.hincrby(self._failures, stream_id, 1))

    def waiting(self) -> int:
        """How many entries are in the stream, given out or not."""
        return int(self._redis.xlen(self.stream))

    def _read(self, consumer: str, after: str, *, count: int, block_ms: int | None) -> list[RawEntry]:
        answer: Any = self._redis.xreadgroup(GROUP, consumer, {self.stream: after}, count=count, block=block_ms)
        if not answer:
            return []
        pairs = next(iter(answer.values()))[0] if isinstance(answer, Mapping) else answer[0][1]
        return [RawEntry(stream_id.decode(), (fields or {}).get(b"d", b"")) for stream_id, fields in pairs]
