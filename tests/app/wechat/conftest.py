"""What the gateway's tests share: a key ring, and the process's Redis with nothing of ours in it."""

from collections.abc import Iterator

import pytest
from redis import Redis

from app.core.kv import open_redis
from app.core.secrets import KeyRing


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing((("k1", bytes(range(32))),), (("l1", bytes(range(32, 64))),))


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """This process's own Redis database, emptied."""
    client = open_redis(redis_url)
    client.flushdb()
    yield client
    client.close()
