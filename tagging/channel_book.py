"""The channels as a web process holds them: read once per change, looked up in memory, served on while Redis or PostgreSQL is away."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.errors import UnavailableError
from app.core.house import House
from app.core.ids import new_public_id
from app.core.log import get_logger
from app.core.shelf import Shelf
from app.core.unit import after_commit, reading
from tagging.models import Channel

log = get_logger(__name__)
# A version key that was lost with its Redis cannot hide a change for longer than this.
_TRUST_VERSION_S = 60


@dataclass(frozen=True, slots=True)
class ChannelView:
    """What a handler needs to know of a channel. `welcome` is a reply in JSON, checked where it is rendered."""

    id: int
    name: str
    welcome: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Known:
    version: str
    read_at: float
    channels: Mapping[tuple[int, str], ChannelView]


class ChannelBook:
    """The open channels of a house by account and scene. A version key in Redis is looked at no more than once a second."""

    def __init__(self, engine: Engine, redis: Redis, prefix: str, *, monotonic: Callable[[], float] | None = None) -> None:
        self._engine = engine
        self._redis = redis
        self._key = version_key(prefix)
        self._shelf: Shelf[_Known] = (
            Shelf("channels", self._read) if monotonic is None else Shelf("channels", self._read, monotonic=monotonic)
        )

    def find(self, account_id: int, scene: str) -> ChannelView | None:
        """The open channel of a scene; None for an unknown or retired one, and while nothing could be read yet."""
        try:
            return self._shelf.take().channels.get((account_id, scene))
        except UnavailableError:
            return None

    def forget(self) -> None:
        """Look at the version again with the next request."""
        self._shelf.forget()

    def _read(self, known: _Known | None) -> _Known:
        version, now = self._version(), self._shelf.monotonic()
        if known is not None and now - known.read_at < _TRUST_VERSION_S and version in (None, known.version):
            return known
        # The version was read before the rows: a change in between is found by the next look.
        query = select(Channel.account_id, Channel.scene, Channel.id, Channel.name, Channel.welcome).where(Channel.retired_at.is_(None))
        with reading(self._engine, timeout_ms=5000) as session:
            channels = {(row.account_id, row.scene): ChannelView(row.id, row.name, row.welcome) for row in session.execute(query)}
        log.info("channels_read", channels=len(channels))
        return _Known(version or "", now, channels)

    def _version(self) -> str | None:
        try:
            answer: Any = self._redis.get(self._key)
        except RedisError:
            return None
        return "" if answer is None else str(answer)


def version_key(prefix: str) -> str:
    return f"{prefix}:channels:version"


def announce_change(session: Session, house: House) -> None:
    """Once this work is committed, tell every process that channels changed. A fresh word, not a counter: one that starts again could name an old state."""
    after_commit(session, partial(house.redis.set, version_key(house.settings.redis_prefix), str(new_public_id())))
