"""The door of every background process: ingest, RQ workers and the timetable, each in a process of its own."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from types import FrameType
from typing import Any

from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.cron import CronScheduler
from rq.job import Job
from rq.timeouts import BaseTimeoutException

from app.core.away import is_away
from app.core.errors import FankaError
from app.core.house import House, enter, settle_in
from app.core.log import get_logger, open_log
from app.core.settings import read_settings
from app.factory import build_house
from jobs.ingest import consumer_name
from jobs.ingest_loop import IngestLoop
from jobs.schedule import TIMETABLE

log = get_logger(__name__)
# `urgent` has a worker of its own: what must leave within 60 s may not stand behind a drain of 20 s.
LISTENS = {"urgent": ("urgent",), "send": ("send", "default")}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one background process until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m app.worker", description=__doc__)
    parser.add_argument("kind", choices=["ingest", "cron", *LISTENS])
    parser.add_argument("--number", type=int, default=1, help="which of several ingest processes on this machine: keeps its name stable")
    asked = parser.parse_args(argv)
    try:
        settings = read_settings()
        open_log(settings.log_level)
        house = build_house(settings, pool_size=2)
    except FankaError as error:
        print(error.detail, file=sys.stderr)
        return 2
    enter(house)
    settle_in()
    log.info("started", process=asked.kind, pid=os.getpid())
    if asked.kind == "ingest":
        run_ingest(house, number=asked.number)
    elif asked.kind == "cron":
        run_timetable(house)
    else:
        run_worker(house, asked.kind)
    return 0


def run_ingest(house: House, *, number: int) -> None:
    """Drain the inbox until a signal asks to stop; the batch in hand is finished first."""
    loop = IngestLoop(house, consumer_name(number))

    def stop(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        loop.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    loop.run()


class QuietJob(Job):
    """A job whose failure tells no more than its type: RQ would print the whole message, which may quote a statement's openids, and keep it in Redis.

    One that meets a database or Redis that is away ends with one line: its rows are found by the next sweep.
    """

    def perform(self) -> Any:
        try:
            return super().perform()
        except BaseTimeoutException:
            raise
        except Exception as error:
            if is_away(error):
                log.warning("job_postponed", job=self.func_name, error=type(error).__name__)
                return None
            log.exception("job_failed", job=self.func_name)
            raise JobFailedError(type(error).__name__) from None


class JobFailedError(Exception):
    """What RQ is told of a job that failed."""


def run_worker(house: House, kind: str) -> None:
    """Work the queues of one kind. Job descriptions are not logged: arguments are ids, but a log is for ever."""
    queues = [house.queues.queue(name) for name in LISTENS[kind]]
    worker = SimpleWorker(queues, connection=queues[0].connection, job_class=QuietJob, log_job_description=False)
    # RQ would wait up to a minute before it looks again for a Redis that was away: too long for what must leave within 60 s.
    worker.max_connection_wait_time = 5.0
    worker.work(logging_level="WARNING")


def run_timetable(house: House) -> None:
    """Enqueue what the timetable says, in Asia/Shanghai; Redis being away pauses it."""
    os.environ["TZ"] = "Asia/Shanghai"
    time.tzset()
    connection = house.queues.queue("default").connection
    while True:
        scheduler = CronScheduler(connection=connection, logging_level="WARNING")
        for entry in TIMETABLE:
            scheduler.register(
                _function(entry.function),
                house.queues.queue(entry.queue).name,
                interval=entry.every_s,
                cron=entry.cron,
                job_timeout=110,
                result_ttl=0,
                failure_ttl=3600,
                # A sweep that nobody picked up in time is pointless: the next one is on its way.
                ttl=60,
            )
        try:
            scheduler.start()  # type: ignore[no-untyped-call]  # RQ types its scheduler in part.
        except RedisError as error:
            log.warning("timetable_paused", error=type(error).__name__)
            time.sleep(1)
        else:
            return


def _function(path: str) -> Callable[[], None]:
    module, _, name = path.rpartition(".")
    function: Callable[[], None] = getattr(import_module(module), name)
    return function


if __name__ == "__main__":
    sys.exit(main())
