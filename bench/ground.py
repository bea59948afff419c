"""The servers of a bench: a PostgreSQL and a Redis of its own that write to disk before they answer, a migrated database, and children."""

import os
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import IO

import psutil
import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql

from app.core.errors import UnavailableError
from app.core.house import House
from app.core.secrets import new_key
from app.core.settings import read_settings
from app.factory import build_house
from app.local.place import CHECKOUT, Place, place_of
from app.local.postgres import DATABASE, Postgres
from app.local.program import Program, end, launch, wait_ready
from app.local.redis import RedisServer

# The servers are as the house itself embeds them: PostgreSQL's own defaults and Redis with `appendfsync always`.
POSTGRES: dict[str, str] = {}


@dataclass(slots=True)
class Ground:
    """What a bench stands on."""

    place: Place
    postgres: Postgres
    redis: RedisServer
    env: dict[str, str]
    log: IO[bytes]
    children: dict[str, Popen[bytes]] = field(default_factory=dict)

    @contextmanager
    def running(self, program: Program) -> Iterator[Popen[bytes]]:
        """A child for as long as the block lasts."""
        child = launch(program, output=self.log)
        self.children[program.name] = child
        try:
            try:
                wait_ready(program, child)
            except UnavailableError as error:
                raise UnavailableError(f"{error.detail}: {Path(self.log.name).read_text(errors='replace')[-2000:]}") from error
            yield child
        finally:
            self.children.pop(program.name)
            end(program, child)

    @contextmanager
    def house(self, *, pool_size: int = 4, **changes: str) -> Iterator[House]:
        """A house of this process over the bench's servers."""
        built = build_house(read_settings({**self.env, **changes}), pool_size=pool_size)
        try:
            yield built
        finally:
            built.engine.dispose()
            for client in (built.redis, built.inbox.redis, built.queues.queue("default").connection):
                client.close()

    def empty(self) -> None:
        """Leave no row and no key."""
        with psycopg.connect(self.env["DATABASE_URL"], autocommit=True) as connection:
            found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'")
            names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in found.fetchall())
            connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(names))
        from redis import Redis

        with Redis.from_url(self.env["REDIS_URL"]) as client:
            client.flushdb()

    def keep_as(self, name: str) -> None:
        """Keep the database as it is now, analysed, to begin again from."""
        with psycopg.connect(self.env["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        with self._server() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(name), sql.Identifier(DATABASE))
            )

    def begin_from(self, name: str) -> None:
        """Make the database what was kept. Whoever has an engine open disposes of it first."""
        with self._server() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(DATABASE), sql.Identifier(name))
            )
            connection.execute("CHECKPOINT")

    def _server(self) -> psycopg.Connection:
        return psycopg.connect(self.postgres.url("postgres"), autocommit=True)


@contextmanager
def ground(name: str) -> Iterator[Ground]:
    """Fresh servers in a place of this run's own; ended and removed afterwards."""
    place = place_of().inner(f"bench-{name}-{uuid.uuid4().hex[:6]}")
    postgres, redis = Postgres(place, options=POSTGRES), RedisServer(place)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, place.root, ignore_errors=True)
        log = stack.enter_context((place.root / "bench.log").open("ab"))
        keys = {"FANKA_KEYS": new_key("k1"), "FANKA_LOOKUP_KEYS": new_key("l1")}
        base = {key: value for key, value in os.environ.items() if not key.startswith("FANKA_")}
        env = {**base, **keys, "FANKA_LOG_LEVEL": "WARNING", "FANKA_REDIS_PREFIX": "bench", "PYTHONPATH": str(CHECKOUT)}
        found = Ground(place, postgres, redis, env, log)
        for server in (postgres, redis):
            stack.enter_context(found.running(server.program()))
        env["DATABASE_URL"] = postgres.ensure_database()
        env["REDIS_URL"] = redis.url()
        migrate(env["DATABASE_URL"])
        yield found


def migrate(url: str) -> None:
    """Bring an empty database to the present schema."""
    config = Config()
    config.set_main_option("script_location", str(CHECKOUT / "migrations"))
    config.attributes["url"] = url.replace("postgresql://", "postgresql+psycopg://", 1)
    command.upgrade(config, "head")


def free_port() -> int:
    """A TCP port on loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    """Whether somebody answers on a port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def module(name: str, *argv: str, module: str, env: Mapping[str, str], port: int | None = None) -> Program:
    """A Python module of this checkout as a child."""
    return Program(
        name=name,
        argv=(sys.executable, "-m", module, *argv),
        cwd=CHECKOUT,
        env=env,
        ready=(lambda: True) if port is None else (lambda: listening(port)),
    )


def memory_mib(pid: int) -> float:
    """What a process and its children hold alone and their share of what they hold together (PSS), in MiB."""
    root = psutil.Process(pid)
    total = 0
    for process in (root, *root.children(recursive=True)):
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 2**20


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and its living children."""
    root = psutil.Process(pid)
    spent = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
            spent += times.user + times.system
        except psutil.Error:
            continue
    return spent


def wait_until(done, *, within_s: float = 120.0, every_s: float = 0.05) -> None:
    """Wait for a condition. Raises TimeoutError."""
    until = time.monotonic() + within_s
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {within_s:.0f} s in vain")
        time.sleep(every_s)


def here(*parts: str) -> Path:
    """A path in the bench's own folder."""
    return Path(__file__).resolve().parent.joinpath(*parts)
