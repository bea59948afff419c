"""The processes of a house, as children of one supervisor."""

import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from app.core.settings import Settings
from app.local.place import CHECKOUT
from app.local.program import Program


def house_programs(settings: Settings, env: Mapping[str, str]) -> list[Program]:
    """Web, ingest, the two kinds of worker and cron, in the order they are started; the web is last, when somebody can do the work."""
    workers = [_worker(part, env) for part in ("ingest", "urgent", "send", "cron")]
    return [*workers, web_program(settings, env)]


def web_program(settings: Settings, env: Mapping[str, str]) -> Program:
    """Granian, with workers that are started again when they fail and without an access log: WeChat puts the openid into the query."""

    def answers() -> bool:
        try:
            with socket.create_connection((settings.web_host, settings.web_port), timeout=1):
                return True
        except OSError:
            return False

    return Program(
        name="web",
        argv=(
            *(sys.executable, "-m", "granian", "--interface", "wsgi"),
            *("--host", settings.web_host, "--port", str(settings.web_port)),
            *("--workers", str(settings.web_workers), "--blocking-threads", str(settings.web_threads)),
            *("--respawn-failed-workers", "--no-access-log", "--no-ws", "--log-level", settings.log_level.lower()),
            *("--workers-kill-timeout", "10"),
            "wsgi:app",
        ),
        cwd=CHECKOUT,
        env=env,
        ready=answers,
    )


def sandbox_program(env: Mapping[str, str], *, port: int, log: Path, seed: int = 1) -> Program:
    """WeChat on loopback, for the demo."""

    def answers() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        except OSError:
            return False

    argv = (sys.executable, "-m", "sandbox", "--port", str(port), "--log", str(log), "--seed", str(seed))
    return Program(name="sandbox", argv=argv, cwd=CHECKOUT, env=env, ready=answers)


def _worker(part: str, env: Mapping[str, str]) -> Program:
    # A worker may be in the middle of a batch or of a 20 s drain; it finishes that before it ends.
    return Program(name=part, argv=(sys.executable, "-m", "app.worker", part), cwd=CHECKOUT, env=env, stop_within_s=30.0)
