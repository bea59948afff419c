"""The real web server, as `fanka up` runs it, for tests that must not trust anything less."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.core.errors import UnavailableError
from app.core.settings import read_settings
from app.local.program import end, launch, wait_ready
from app.local.programs import web_program
from tests.support.knocking import shout, statuses
from tests.support.sandbox import free_port


@dataclass(frozen=True, slots=True)
class WebServer:
    """Granian with two workers. `log` holds everything it wrote."""

    port: int
    pid: int
    log: Path

    def words(self) -> str:
        return self.log.read_text(errors="replace")

    def workers(self) -> set[int]:
        """The processes that answer requests."""
        return {child.pid for child in psutil.Process(self.pid).children(recursive=True)}


@contextmanager
def web_server(environment: Mapping[str, str], log: Path) -> Iterator[WebServer]:
    """Run the server for as long as the block lasts."""
    port = free_port()
    env = {**environment, "FANKA_WEB_PORT": str(port)}
    program = web_program(read_settings(env), env)
    with log.open("ab") as output:
        child = launch(program, output=output)
        try:
            try:
                wait_ready(program, child)
            except UnavailableError as error:
                raise AssertionError(log.read_text(errors="replace")[-3000:]) from error
            _wait_until_awake(port)
            yield WebServer(port, child.pid, log)
        finally:
            end(program, child)


def _wait_until_awake(port: int) -> None:
    """Knock until so many fresh connections in a row were answered that both workers must have read what they need."""
    calm = 0
    until = time.monotonic() + 60
    while calm < 20:
        heard = shout(port, b"GET /wechat/wx0 HTTP/1.1\r\nHost: fanka\r\nConnection: close\r\n\r\n", timeout_s=10)
        calm = calm + 1 if list(statuses(heard)) == [404] else 0
        assert time.monotonic() < until, heard[:300]
