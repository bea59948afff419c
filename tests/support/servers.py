"""One PostgreSQL and one Redis for every test process of this checkout: the first to need them starts them, the last one out stops them.

Locks are held on open files, so a test run that is killed gives them back by itself.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql

from app.local.place import CHECKOUT, Place, place_of
from app.local.postgres import Postgres
from app.local.program import Program, launch, wait_ready
from app.local.redis import RedisServer

SLOTS = 64
# Nothing of a test outlives the machine's next start, so PostgreSQL need not wait for the disk here. Redis does, as in production.
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "jit": "off",
    "log_checkpoints": "off",
}


def alembic_config(url: str) -> Config:
    """Alembic's settings for one database."""
    config = Config()
    config.set_main_option("script_location", str(CHECKOUT / "migrations"))
    config.attributes["url"] = url
    return config


class Servers:
    """The shared servers, as one process sees them."""

    def __init__(self) -> None:
        self.place: Place = place_of().inner("test")
        self.postgres = Postgres(self.place, options=_FAST)
        self.redis = RedisServer(self.place, options={"databases": str(SLOTS + 1)})
        self._users = self._open("users.lock")
        fcntl.flock(self._users, fcntl.LOCK_SH)

    @cached_property
    def slot(self) -> int:
        """A number no other living test process has: it names this process's database, Redis database and key prefix."""
        for number in range(1, SLOTS + 1):
            held = self._open(f"slot-{number}.lock")
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.close()
                continue
            self._slot_lock = held
            return number
        raise RuntimeError(f"{SLOTS} test processes run at once")

    def start(self) -> None:
        """Make sure that both answer."""
        with self._alone("start.lock"):
            for server in (self.postgres, self.redis):
                if not server.answers():
                    self._spawn(server.program())

    @cached_property
    def database_url(self) -> str:
        """A migrated database of this process's own: a clone of the template."""
        self.start()
        name = f"slot_{self.slot}"
        with self._alone("template.lock"), self._connect() as connection:
            template = self._template(connection)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return self.postgres.url(name)

    @contextmanager
    def empty_database(self, suffix: str) -> Iterator[str]:
        """A database without any table, for tests of the migrations; dropped afterwards."""
        self.start()
        name = sql.Identifier(f"slot_{self.slot}_{suffix}")
        with self._connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
            try:
                yield self.postgres.url(f"slot_{self.slot}_{suffix}")
            finally:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    @cached_property
    def redis_url(self) -> str:
        self.start()
        return self.redis.url(self.slot)

    def leave(self) -> None:
        """Say that this process is done; whoever is last stops the servers."""
        fcntl.flock(self._users, fcntl.LOCK_UN)
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._users.close()
            return
        self.postgres.end_stale()
        self.redis.end_stale()
        self._users.close()

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self.postgres.url("postgres"), autocommit=True, connect_timeout=10)

    def _template(self, connection: psycopg.Connection) -> str:
        # Migrations that changed make another template; the old ones are dropped when nobody can be using them any more.
        name = f"template_{_migrations_hash()}"
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            making = f"making_{os.getpid()}"
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(making)))
            try:
                command.upgrade(alembic_config(self.postgres.url(making).replace("postgresql://", "postgresql+psycopg://", 1)), "head")
            except BaseException:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(making)))
                raise
            for (old,) in connection.execute(
                "SELECT datname FROM pg_database WHERE datname ~ '^(template|making)_' AND datname <> %s", [making]
            ).fetchall():
                if old not in {"template0", "template1"}:
                    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(old)))
            connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(making), sql.Identifier(name)))
        return name

    def _spawn(self, program: Program) -> None:
        log = self.place.root / f"{program.name}.log"
        with log.open("ab") as output:
            if output.tell() > 1 << 20:
                output.truncate(0)
            child = launch(program, output=output)
        wait_ready(program, child)
        # It outlives this process on purpose; without this line Python would warn that a child was forgotten.
        child.returncode = 0

    def _open(self, name: str) -> IO[bytes]:
        return (self.place.root / name).open("ab")

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        with self._open(name) as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield


def _migrations_hash() -> str:
    digest = hashlib.sha256()
    for path in sorted((CHECKOUT / "migrations").rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + Path(path).read_bytes() + b"\0")
    return digest.hexdigest()[:12]
