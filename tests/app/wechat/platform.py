"""A tiny platform whose every move a test decides: it reads HTTP by hand, so that it can hang up at any line."""

import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Self

import orjson

Move = Callable[["Heard"], bytes | None]


@dataclass(frozen=True)
class Heard:
    """One complete request. `on_connection` counts from 1 on each connection."""

    line: str
    body: bytes
    on_connection: int

    @property
    def token(self) -> str:
        return self.line.partition("access_token=")[2].partition(" ")[0].partition("&")[0]


def answer(body: object, status: int = 200) -> bytes:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(raw)) + raw


@dataclass
class TinyPlatform:
    """Answers each request with `move`; None hangs up without a word after the request was heard."""

    move: Move
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    most_at_once: int = 0
    hang_up_after: bool = False
    _open: set[socket.socket] = field(default_factory=set)
    _busy: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: deque[threading.Thread] = field(default_factory=deque)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        while self._threads:
            self._threads.popleft().join(10)

    def _start(self, act: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=act, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(20)
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        number = 0
        try:
            with connection, connection.makefile("rb") as stream:
                while (heard := self._read(stream, number + 1)) is not None:
                    number += 1
                    with self._lock:
                        self.heard.append(heard)
                        self._busy += 1
                        self.most_at_once = max(self.most_at_once, self._busy)
                    said = self.move(heard)
                    with self._lock:
                        self._busy -= 1
                    if said is None:
                        return
                    connection.sendall(said)
                    if self.hang_up_after:
                        return
        except (OSError, ValueError):
            return
        finally:
            with self._lock:
                self._open.discard(connection)

    def _read(self, stream: BinaryIO, number: int) -> Heard | None:
        line = stream.readline().decode().strip()
        if not line:
            return None
        length = 0
        while (header := stream.readline().decode().strip()) != "":
            name, _, value = header.partition(":")
            if name.lower() == "content-length":
                length = int(value)
        return Heard(line, stream.read(length), number)
