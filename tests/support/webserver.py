"""The real web server, as `fanka up` runs it, for tests that must not trust anything less."""

import time
from collections.abc import Iterator, Mapping, Sequence
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

    def wait_until_awake(self, paths: Sequence[str], *, status: int) -> None:
        """Knock until so many fresh connections in a row were answered like this that both workers must have read what they need."""
        calm = 0
        until = time.monotonic() + 60
        while calm < 20:
            path = paths[calm % len(paths)]
            heard = shout(self.port, f"GET {path} HTTP/1.1\r\nHost: fanka\r\nConnection: close\r\n\r\n".encode(), timeout_s=10)
            calm = calm + 1 if list(statuses(heard)) == [status] else 0
            assert time.monotonic() < until, heard[:300]


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
            web = WebServer(port, child.pid, log)
            web.wait_until_awake(["/wechat/wx0"], status=404)
            yield web
        finally:
            end(program, child)
