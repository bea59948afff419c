"""Connections a test gave out and did not get back: waited for, and if they stay away, no innocent test pays for them."""

import time

from sqlalchemy import Engine, Pool

_lost: list[Pool] = []
"""Pools that were given up with a connection still out. What is dropped while it is open warns wherever the garbage is collected next, in
whichever test that is; what is kept here does not."""


def reclaim(engine: Engine, *, within_s: float) -> int:
    """Wait until every connection is back; says how many were not. The engine is then given a new pool."""
    until = time.monotonic() + within_s
    while (held := engine.pool.checkedout()) and time.monotonic() < until:  # type: ignore[attr-defined]
        time.sleep(0.02)
    if held:
        _lost.append(engine.pool)
        engine.dispose()
    return int(held)
