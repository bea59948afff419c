"""Where a demo lives: servers, ports and a log of its own, fresh for every run."""

import os
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.local.home import Home
from app.local.place import place_of

WEB_PORT, SANDBOX_PORT = 8000, 8900


@dataclass(frozen=True, slots=True)
class Site:
    """One run's home, its files and its addresses."""

    home: Home
    truth: Path
    """The sandbox's log."""
    money: Path
    """The input log of the money."""
    noise: Path
    """What the processes say."""
    web_port: int
    sandbox_port: int

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    def command_line(self) -> dict[str, str]:
        """What a command in another terminal is told to reach this house."""
        wanted = ("FANKA_STATE_DIR", "FANKA_REDIS_PREFIX", "FANKA_PUBLIC_URL", "FANKA_WECHAT_API_URL")
        told = {**self.home.environment(), **self.changes()}
        return {name: told[name] for name in wanted if name in told}

    @property
    def public_url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def changes(self) -> dict[str, str]:
        """What the house's processes are told beside what was given."""
        return {
            "FANKA_WEB_HOST": "127.0.0.1",
            "FANKA_WEB_PORT": str(self.web_port),
            "FANKA_WEB_WORKERS": "2",
            "FANKA_PUBLIC_URL": self.public_url,
            "FANKA_WECHAT_API_URL": self.sandbox_url,
            "FANKA_LOG_LEVEL": "WARNING",
        }


def fresh_site(environment: Mapping[str, str] | None = None) -> Site:
    """A site with nothing of an earlier run in it. Raises ConflictError when another demo of this checkout runs.

    Servers that the environment names are not touched here: their database must be empty, and keys get a prefix of this run.
    """
    env = dict(os.environ if environment is None else environment)
    root = place_of(env).root / "demo"
    given = {**env, "FANKA_STATE_DIR": str(root)}
    if env.get("REDIS_URL"):
        given["FANKA_REDIS_PREFIX"] = f"demo{os.getpid()}"
    home = Home(given)
    with home.owned():
        for server in (home.postgres, home.redis):
            if server is not None and server.data.exists():
                # A run that was killed may have left its servers behind.
                server.end_stale()
                shutil.rmtree(server.data)
    truth = root / "truth.log"
    money = root / "money.log"
    for log in (truth, money):
        log.unlink(missing_ok=True)
    return Site(home, truth, money, root / "demo.log", _port(WEB_PORT), _port(SANDBOX_PORT))


def _port(wished: int) -> int:
    """The wished port when it is free, else any."""
    for port in (wished, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    message = "no port is free on loopback"
    raise OSError(message)
