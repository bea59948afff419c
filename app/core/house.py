"""What a process holds once it has started: settings, engine, Redis clients, keys, clock and registry."""

from __future__ import annotations

import gc
from dataclasses import dataclass

from redis import Redis
from sqlalchemy import Engine

from app.core.accounts import AccountBook
from app.core.clock import Clock
from app.core.errors import UnavailableError
from app.core.inbox import Inbox
from app.core.queue import Queues
from app.core.registry import Registry
from app.core.secrets import KeyRing
from app.core.settings import Settings


@dataclass(slots=True)
class House:
    """Built once per process by `app.factory.build_house`, after any fork; handed down as an argument."""

    settings: Settings
    engine: Engine
    replica: Engine
    """The read replica when `REPLICA_URL` is set, else the same engine."""
    redis: Redis
    """Tokens, pacing and locks (text answers)."""
    inbox: Inbox
    queues: Queues
    ring: KeyRing
    clock: Clock
    registry: Registry
    accounts: AccountBook


_current: House | None = None


def enter(house: House) -> None:
    """Make `house` the one that RQ jobs of this process find."""
    global _current
    _current = house


def leave() -> None:
    """This process has no house any more."""
    global _current
    _current = None


def current() -> House:
    """The house of this process. Raises UnavailableError when none was entered."""
    if _current is None:
        raise UnavailableError("this process has no house: start it through app.worker or app.factory")
    return _current


def settle_in() -> None:
    """A process has started: what it has made by now lives as long as it does, so the garbage collector need not look through it time and again."""
    gc.collect()
    gc.freeze()
