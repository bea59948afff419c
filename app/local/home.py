"""A checkout's home on this machine: which servers it embeds, its keys, and the environment its processes get."""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from app.core.errors import ConflictError
from app.core.secrets import new_key, write_ring_file
from app.local.place import CHECKOUT, Place, place_of
from app.local.postgres import Postgres
from app.local.program import Program, end, launch, wait_ready
from app.local.redis import RedisServer

_OTHER_STARTS_WITHIN_S = 30.0


class Home:
    """Everything `fanka` needs when it is told of no server: what `environment` names is used, what it leaves out is embedded."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._given = dict(os.environ if environment is None else environment)

    @cached_property
    def place(self) -> Place:
        """The folder of this checkout. Raises SettingError."""
        return place_of(self._given)

    @cached_property
    def postgres(self) -> Postgres | None:
        """The embedded PostgreSQL; None when `DATABASE_URL` names one."""
        return None if self._given.get("DATABASE_URL") else Postgres(self.place)

    @cached_property
    def redis(self) -> RedisServer | None:
        """The embedded Redis; None when `REDIS_URL` names one."""
        return None if self._given.get("REDIS_URL") else RedisServer(self.place)

    @property
    def notes(self) -> Path:
        """Where the supervisor remembers its children."""
        return self.place.root / "children.json"

    def servers(self) -> list[Program]:
        """The embedded servers, to be started in this order."""
        return [server.program() for server in (self.postgres, self.redis) if server is not None]

    def environment(self) -> dict[str, str]:
        """What a child process gets. A keys file of our own is made when no keys were given. Raises SettingError."""
        keys_file = None
        if not (self._given.get("FANKA_KEYS_FILE") or (self._given.get("FANKA_KEYS") and self._given.get("FANKA_LOOKUP_KEYS"))):
            keys_file = self.place.root / "keys.json"
            with (self.place.root / "keys.lock").open("a") as held:
                # Two commands at once must not each make keys of their own: the second pair would open nothing the first has sealed.
                fcntl.flock(held, fcntl.LOCK_EX)
                if not keys_file.exists():
                    write_ring_file(keys_file, keys=new_key("k1"), lookup_keys=new_key("l1"))
        return settings_for_local(self._given, postgres=self.postgres, redis=self.redis, keys_file=keys_file)

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Be the only one who starts and stops this checkout's servers. Raises ConflictError when another process is."""
        with (self.place.root / "lock").open("a+") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.seek(0)
                number = held.read().strip() or "?"
                raise ConflictError(
                    f"这份程序已在运行, 进程 {number} / this checkout already runs, under process {number}",
                    code="already_up",
                ) from None
            held.truncate(0)
            held.write(str(os.getpid()))
            held.flush()
            yield

    @contextmanager
    def reached(self) -> Iterator[dict[str, str]]:
        """The environment for one command: servers that run are used, servers that do not are started for as long as the block lasts.

        Servers that another process of this checkout is just starting are waited for. Raises SettingError, UnavailableError, ConflictError.
        """
        with ExitStack() as stack:
            for server in self._idle(stack):
                stack.enter_context(_running(server.program()))
            self.ensure_database()
            yield self.environment()

    def _idle(self, stack: ExitStack) -> list[Postgres | RedisServer]:
        until = time.monotonic() + _OTHER_STARTS_WITHIN_S
        while True:
            idle = [server for server in (self.postgres, self.redis) if server is not None and not server.answers()]
            if not idle:
                return []
            try:
                stack.enter_context(self.owned())
            except ConflictError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
            else:
                return idle

    def ensure_database(self) -> None:
        """Create the embedded database when it is missing; the server must be running."""
        if self.postgres is not None:
            self.postgres.ensure_database()


def settings_for_local(
    environment: Mapping[str, str], *, postgres: Postgres | None, redis: RedisServer | None, keys_file: Path | None
) -> dict[str, str]:
    """The environment of this house's processes: what was given, and the embedded servers and the keys file for what was not."""
    found = dict(environment)
    if postgres is not None:
        found["DATABASE_URL"] = postgres.url()
    if redis is not None:
        found["REDIS_URL"] = redis.url()
    if keys_file is not None:
        found["FANKA_KEYS_FILE"] = str(keys_file)
    # Children are found from the checkout whatever folder `fanka` was called in.
    found["PYTHONPATH"] = os.pathsep.join(part for part in (str(CHECKOUT), environment.get("PYTHONPATH", "")) if part)
    found["PYTHONUNBUFFERED"] = "1"
    return found


@contextmanager
def _running(program: Program) -> Iterator[None]:
    child = launch(program)
    try:
        wait_ready(program, child)
        yield
    finally:
        end(program, child)
