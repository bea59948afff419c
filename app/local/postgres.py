"""An embedded PostgreSQL: made, started, restarted and stopped in a place of its own, reached by a unix socket only."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from app.core.errors import UnavailableError
from app.local.binaries import Binaries, find_postgres, machine_folders
from app.local.place import Place
from app.local.program import Program, end_servers_in

USER = "fanka"
DATABASE = "fanka"
# No TCP port is opened, so two checkouts cannot clash and nobody else can connect.
_OPTIONS = {"listen_addresses": "", "unix_socket_permissions": "0700", "timezone": "UTC", "log_timezone": "UTC", "max_connections": "100"}


class Postgres:
    """The PostgreSQL of a place. `options` are added to its command line; `folders` is where its programs are looked for."""

    def __init__(self, place: Place, *, options: Mapping[str, str] | None = None, folders: Sequence[Path] | None = None) -> None:
        self.place = place
        self.data = place.root / "postgres"
        self._options = {**_OPTIONS, **(options or {})}
        self._folders = machine_folders() if folders is None else folders

    @cached_property
    def binaries(self) -> Binaries:
        """The programs that fit the data, or the best ones when there is no data yet. Raises SettingError."""
        version = self.data / "PG_VERSION"
        return find_postgres(self.place, folders=self._folders, major=int(version.read_text()) if version.is_file() else None)

    @cached_property
    def sockets(self) -> Path:
        return self.place.sockets()

    def url(self, database: str = DATABASE) -> str:
        """The address of a database, as `DATABASE_URL` wants it."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.sockets), safe='/')}"

    def program(self) -> Program:
        """How to run it: SIGINT is PostgreSQL's fast, clean shutdown."""
        options = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name="postgres",
            argv=(str(self.binaries.server), "-D", str(self.data), "-k", str(self.sockets), *options),
            cwd=self.place.root,
            env={"LC_ALL": "C", "TZ": "UTC", **self.binaries.env},
            runs_as=self.place.runs_as,
            stop_signal=signal.SIGINT,
            prepare=self.prepare,
            ready=self.answers,
        )

    def prepare(self) -> None:
        """Make the data folder when it is missing and end a server that an earlier run left behind in it."""
        if (self.data / "PG_VERSION").is_file():
            self.end_stale()
        else:
            self._make()

    def end_stale(self) -> None:
        """Stop whichever server still works on this data."""
        end_servers_in(self.data, names=("postgres",), ask=signal.SIGINT)

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def ensure_database(self, name: str = DATABASE) -> str:
        """Create a database when it is missing; returns its address."""
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=10) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def _make(self) -> None:
        # initdb refuses a folder with anything in it: what a killed initdb left is made away with.
        fresh = self.place.folder("postgres.new")
        for part in sorted(fresh.rglob("*"), reverse=True):
            part.rmdir() if part.is_dir() and not part.is_symlink() else part.unlink()
        answer = subprocess.run(
            [
                self.binaries.folder / "initdb",
                *("-D", fresh, "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"),
                *(["--no-sync"] if self._options.get("fsync") == "off" else []),
            ],
            cwd=self.place.root,
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin", **self.binaries.env},
            capture_output=True,
            check=False,
            text=True,
            timeout=300,
            **(self.place.runs_as.popen_args() if self.place.runs_as is not None else {}),
        )
        if answer.returncode:
            raise UnavailableError(f"initdb failed: {(answer.stderr or answer.stdout).strip().splitlines()[-1:]}")
        fresh.rename(self.data)
