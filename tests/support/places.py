"""Places for servers that belong to one test alone."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from app.local.place import Place
from app.local.postgres import Postgres
from app.local.redis import RedisServer


@contextmanager
def private_place(beside: Place) -> Iterator[Place]:
    """A fresh place below another one; whatever still runs in it is ended and everything in it removed."""
    place = beside.inner(f"own-{uuid.uuid4().hex[:8]}")
    try:
        yield place
    finally:
        Postgres(place, folders=()).end_stale()
        RedisServer(place, folders=()).end_stale()
        shutil.rmtree(place.root)
