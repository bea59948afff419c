"""An embedded Redis (or Valkey): every write fsynced before it is acknowledged, reached by a unix socket only."""

import signal
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from app.core.kv import open_redis
from app.local.binaries import Binaries, find_redis, machine_folders
from app.local.place import Place
from app.local.program import Program, end_servers_in

_OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
    # The append-only file is the data; a snapshot beside it would only cost time.
    "save": "",
    "daemonize": "no",
    "logfile": "",
}


class RedisServer:
    """The Redis of a place. `options` are added to its command line; `folders` is where its program is looked for."""

    def __init__(self, place: Place, *, options: Mapping[str, str] | None = None, folders: Sequence[Path] | None = None) -> None:
        self.place = place
        self.data = place.root / "redis"
        self._options = {**_OPTIONS, **(options or {})}
        self._folders = machine_folders() if folders is None else folders

    @cached_property
    def binaries(self) -> Binaries:
        """The server's program. Raises SettingError."""
        return find_redis(self.place, folders=self._folders)

    @cached_property
    def socket(self) -> Path:
        return self.place.sockets() / "redis.sock"

    def url(self, database: int = 0) -> str:
        """The address as `REDIS_URL` wants it."""
        return f"unix://{self.socket}?db={database}"

    def program(self) -> Program:
        """How to run it: SIGTERM writes what is left and ends."""
        options = [part for name, value in self._options.items() for part in (f"--{name}", value)]
        return Program(
            name="redis",
            argv=(str(self.binaries.server), "--dir", str(self.data), "--unixsocket", str(self.socket), *options),
            cwd=self.place.root,
            env={"LC_ALL": "C", "TZ": "UTC", **self.binaries.env},
            runs_as=self.place.runs_as,
            stop_signal=signal.SIGTERM,
            prepare=self.prepare,
            ready=self.answers,
        )

    def prepare(self) -> None:
        """Make the data folder when it is missing and end a server that an earlier run left behind in it."""
        self.place.folder("redis")
        self.end_stale()

    def end_stale(self) -> None:
        """Stop whichever server still works on this data."""
        end_servers_in(self.data, names=("redis-server", "valkey-server"), ask=signal.SIGTERM)

    def answers(self) -> bool:
        """Whether it takes commands: while it loads its file it does not."""
        client: Redis = open_redis(self.url())
        try:
            return bool(client.ping())
        except RedisError:
            return False
        finally:
            client.close()
