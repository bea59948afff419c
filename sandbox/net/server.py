"""The HTTP/1.1 server: one protocol object a connection, sync handlers, answers held until they are durable."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections import deque
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, cast

import httptools

from sandbox.net.message import Reply, Request, error_reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[Request], Reply | Awaitable[Reply]]
    Durably = Callable[[Callable[[], None]], None]

MAX_TARGET: Final = 8 * 1024
MAX_HEADER_BYTES: Final = 16 * 1024
MAX_HEADERS: Final = 100
MAX_PIPELINED: Final = 64
MAX_CONNECTIONS: Final = 8192
IDLE_S: Final = 120.0
_KEPT_HEADERS: Final = {b"content-type", b"origin", b"host", b"expect"}


class Listener:
    """What all connections share: the handler, the limits and the list of who is connected."""

    def __init__(self, handler: Handler, durably: Durably, body_limit: Callable[[str], int], now: Callable[[], float]) -> None:
        """`durably(then)` calls `then` after the log is on disk; `body_limit(path)` is in bytes; `now()` is in Unix seconds."""
        self.handler = handler
        self._now = now
        self._dated_s = 0
        self._date = b""
        self.durably = durably
        self.body_limit = body_limit
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    def date(self) -> bytes:
        """The platform's moment for the header `Date`, written once a second."""
        second = int(self._now())
        if second != self._dated_s:
            self._dated_s, self._date = second, formatdate(second, usegmt=True).encode("ascii")
        return self._date

    async def open(self, host: str, port: int) -> int:
        """Listen and return the port, which the system chooses for port 0."""
        self._server = await self.loop.create_server(lambda: Connection(self), host, port, backlog=2048)
        self._sweep()
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._sweeper:
            self._sweeper.cancel()
        if self._server:
            self._server.close()
        for connection in list(self.connections):
            connection.abort()
        if self._server:
            await self._server.wait_closed()

    def _sweep(self) -> None:
        """Drop connections that said nothing for a long time, so that idle sockets cannot pile up."""
        now = self.loop.time()
        for connection in list(self.connections):
            if not connection.busy and now - connection.touched > IDLE_S:
                connection.abort()
        self._sweeper = self.loop.call_later(IDLE_S / 4, self._sweep)


class Connection(asyncio.Protocol):
    """One client connection; requests on it are answered one after the other, in order."""

    def __init__(self, listener: Listener) -> None:
        """Start with an empty request."""
        self.listener = listener
        self.transport: asyncio.Transport | None = None
        self.parser = httptools.HttpRequestParser(self)
        self.busy = False
        self.closing = False
        self.writable = True
        self.touched = listener.loop.time()
        self._queue: deque[Request] = deque()
        self._refusal: tuple[int, str] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._fresh()

    def _fresh(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._header_count = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._body_limit = 0

    # -- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; too many connections are dropped at once."""
        # uvloop's transports have the interface without the base class.
        self.transport = cast("asyncio.Transport", transport)
        if len(self.listener.connections) >= MAX_CONNECTIONS:
            self.transport.abort()
            return
        self.listener.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; answers still being made go nowhere."""
        del exc
        self.listener.connections.discard(self)
        self.closing = True
        self._queue.clear()

    def data_received(self, data: bytes) -> None:
        """Feed the parser and answer what became complete."""
        if self.closing:
            return
        self.touched = self.listener.loop.time()
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            status, message = self._refusal or (400, "malformed HTTP request")
            self._refuse(status, message)
            return
        self._next()

    def pause_writing(self) -> None:
        """Stop answering while the client does not read."""
        self.writable = False

    def resume_writing(self) -> None:
        """Go on once the client reads again."""
        self.writable = True
        self._next()

    def abort(self) -> None:
        """Cut the connection without an answer."""
        self.closing = True
        if self.transport:
            self.transport.abort()

    # -- httptools callbacks -------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start a request."""
        self._fresh()

    def on_url(self, url: bytes) -> None:
        """Collect the request target, which may come in pieces."""
        self._target += url
        if len(self._target) > MAX_TARGET:
            self._stop(414, "request target too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count every header and keep the few that matter."""
        self._header_count += 1
        self._header_bytes += len(name) + len(value or b"")
        if self._header_bytes > MAX_HEADER_BYTES or self._header_count > MAX_HEADERS:
            self._stop(431, "request headers too large")
        lowered = name.lower()
        if lowered in _KEPT_HEADERS:
            self._headers[lowered.decode("ascii")] = (value or b"").decode("latin-1")

    def on_headers_complete(self) -> None:
        """Fix the body limit of this path and answer `Expect: 100-continue`."""
        self._body_limit = self.listener.body_limit(self._target.partition(b"?")[0].decode("latin-1"))
        if self._headers.get("expect", "").lower() == "100-continue" and self.transport:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Collect the body up to its limit."""
        self._body_bytes += len(body)
        if self._body_bytes > self._body_limit:
            self._stop(413, f"body larger than {self._body_limit} bytes")
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Queue the complete request."""
        method = self.parser.get_method().decode("ascii", "replace")
        request = Request(method, self._target.decode("latin-1"), b"".join(self._body), self._headers)
        request.keep_alive = self.parser.should_keep_alive()
        self._queue.append(request)
        if len(self._queue) > MAX_PIPELINED:
            self._stop(429, "too many pipelined requests")

    # -- answering -----------------------------------------------------------------------------

    def _stop(self, status: int, message: str) -> None:
        self._refusal = (status, message)
        raise ValueError(message)

    def _refuse(self, status: int, message: str) -> None:
        """Answer a broken request and close: what follows it on the wire cannot be trusted."""
        self._queue.clear()
        self.closing = True
        if self.transport and not self.transport.is_closing():
            reply = error_reply(message, status)
            self.transport.write(reply.head(date=self.listener.date(), close=True) + reply.body)
            self.transport.close()

    def _next(self) -> None:
        """Answer queued requests until one has to wait for the disk, a delay or a task."""
        while self._queue and not self.busy and self.writable and not self.closing:
            self.busy = True
            request = self._queue.popleft()
            try:
                reply = self.listener.handler(request)
            except Exception:  # noqa: BLE001 - one bad request must never end the platform
                traceback.print_exc(file=sys.stderr)
                reply = error_reply("internal error", 500)
            if isinstance(reply, Reply):
                self._settle(request, reply)
            else:
                task = self.listener.loop.create_task(self._wait(request, reply))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _wait(self, request: Request, pending: Awaitable[Reply]) -> None:
        try:
            reply = await pending
        except Exception:  # noqa: BLE001 - as above
            traceback.print_exc(file=sys.stderr)
            reply = error_reply("internal error", 500)
        self._settle(request, reply)

    def _settle(self, request: Request, reply: Reply) -> None:
        if reply.durable:
            self.listener.durably(lambda: self._deliver(request, reply))
        else:
            self._deliver(request, reply)

    def _deliver(self, request: Request, reply: Reply) -> None:
        if reply.delay_s > 0:
            self.listener.loop.call_later(reply.delay_s, self._send, request, reply)
        else:
            self._send(request, reply)

    def _send(self, request: Request, reply: Reply) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        if reply.drop:
            self.abort()
            return
        close = not request.keep_alive
        body = b"" if request.method == "HEAD" else reply.body
        self.transport.write(reply.head(date=self.listener.date(), close=close) + body)
        self.touched = self.listener.loop.time()
        self.busy = False
        if close:
            self.closing = True
            self.transport.close()
            return
        self._next()
