"""`kill -9`, at moments when something is in flight, and proof that it was."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

import psutil
from rq import Worker

from jobs.ingest import consumer_name
from tests.faults.crowd import Crowd
from tests.faults.realm import Realm, stopped, wait_for

KINDS = ("ingest", "worker", "web", "redis", "postgres")


class Killer:
    """Kills each kind of process. `kills` counts them, `in_flight` what was found in flight at each, by kind."""

    def __init__(self, realm: Realm, crowd: Crowd, rng: random.Random, *, patience_s: float) -> None:
        self._realm = realm
        self._crowd = crowd
        self._rng = rng
        self._patience_s = patience_s
        self.kills: Counter[str] = Counter()
        self.in_flight: Counter[str] = Counter()
        self._ways: dict[str, Callable[[], int]] = {
            "ingest": self._ingest,
            "worker": self._worker,
            "web": self._web,
            "redis": self._redis,
            "postgres": self._postgres,
        }

    def kill(self, kind: str) -> None:
        """Kill one process of a kind while something is in flight, tried again until something is."""
        found = wait_for(self._ways[kind], what=f"something in flight to kill {kind} at", within_s=self._patience_s, every_s=0.01)
        self.kills[kind] += 1
        self.in_flight[kind] += found
        self._realm.say(f"killed {kind} with {found} in flight")

    def _ingest(self) -> int:
        """Entries that were given to an ingest process and not yet acknowledged: both are held still to look."""
        pids = {consumer_name(number): self._realm.pid(f"ingest-{number}") for number in (1, 2)}
        # Nobody acts while Redis or PostgreSQL is being started again: what they do would only wait for them.
        self._realm.redis.ping()
        self._realm.one("SELECT 1")
        self._crowd.act(50)
        until = time.monotonic() + 2.0
        while time.monotonic() < until:
            with stopped(list(pids.values())):
                waiting = self._realm.redis.xpending("faults:inbox", "ingest")["consumers"]
                given = {each["name"].decode(): int(each["pending"]) for each in waiting if int(each["pending"])}
                mine = [name for name in sorted(given) if name in pids]
                if mine:
                    name = self._rng.choice(mine)
                    os.kill(pids[name], signal.SIGKILL)
                    return given[name]
            time.sleep(self._rng.uniform(0.002, 0.01))
        return 0

    def _worker(self) -> int:
        """Rows claimed into `sending` while this worker is on a job."""
        by_pid = {self._realm.pid(f"send-{number}"): number for number in (1, 2)}
        queue = self._realm.house.queues.queue("send")
        busy = [int(worker.pid) for worker in Worker.all(queue=queue) if worker.get_current_job_id() and worker.pid in by_pid]
        if not busy:
            return 0
        pid = self._rng.choice(busy)
        with stopped([pid]):
            sending = int(self._realm.one("SELECT count(*) FROM delivery WHERE state = 'sending' AND next_at > now()"))
            if sending:
                os.kill(pid, signal.SIGKILL)
            return sending

    def _web(self) -> int:
        """Callbacks that the platform has sent and nobody has answered: with one of two workers held, its own stay open."""
        workers = self._realm.web_workers()
        if len(workers) < 2:
            return 0
        pid = self._rng.choice(workers)
        with stopped([pid]):
            time.sleep(0.3)
            sockets = psutil.Process(pid).net_connections(kind="tcp")
            open_calls = int(self._realm.sandbox.control("state")["callbacks_pending"])
            if not open_calls or not any(each.status == psutil.CONN_ESTABLISHED for each in sockets):
                return 0
            os.kill(pid, signal.SIGKILL)
            return open_calls

    def _redis(self) -> int:
        """Entries accepted and not yet recorded: the ingest processes are held until Redis is dead."""
        pid = self._realm.pid("redis")
        with stopped([self._realm.pid("ingest-1"), self._realm.pid("ingest-2")]):
            held = wait_for(lambda: self._realm.redis.xlen("faults:inbox"), what="entries in the stream", within_s=2)
            os.kill(pid, signal.SIGKILL)
            return int(held)

    def _postgres(self) -> int:
        """Rows being sent and entries waiting to be recorded."""
        pid = self._realm.pid("postgres")
        sending = int(self._realm.one("SELECT count(*) FROM delivery WHERE state = 'sending'"))
        held = sending + int(self._realm.redis.xlen("faults:inbox"))
        if held:
            os.kill(pid, signal.SIGKILL)
        return held
