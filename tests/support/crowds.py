"""Many at the same moment: a real connection for everybody, all of them inside the database before the first one may go on."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import create_engine, text

from app.core.db import engine_options
from app.core.house import House

_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


@contextmanager
def crowded(house: House, people: int) -> Iterator[House]:
    """The house with a connection for everybody."""
    # And some more for whoever watches them.
    engine = create_engine(house.engine.url, **engine_options(pool_size=people + 4))
    try:
        yield replace(house, engine=engine)
    finally:
        engine.dispose()


def together(house: House, number: int, act: Callable[[int], Any], *, table: str) -> list[Any]:
    """Call `act(0)`, `act(1)`, ... in parallel; what each returned or raised, in order.

    The table is locked until all of them wait in the database for it, or for each other: nobody comes late to the race.
    """
    with ThreadPoolExecutor(number) as pool, house.engine.connect() as gate, house.engine.connect() as watch:
        watch.execution_options(isolation_level="AUTOCOMMIT")
        gate.execute(text(f"LOCK TABLE {table} IN EXCLUSIVE MODE"))
        running = [pool.submit(act, place) for place in range(number)]
        until = time.monotonic() + 30
        while watch.scalar(_WAITING) < number:
            assert time.monotonic() < until, f"{watch.scalar(_WAITING)} of {number} came"
            assert not any(each.done() for each in running), (
                f"somebody did not wait: {_told(next(each for each in running if each.done()))}"
            )
            time.sleep(0.01)
        gate.rollback()
        return [_told(each) for each in running]


def _told(running: Future[Any]) -> Any:
    error = running.exception()
    return error if error is not None else running.result()
