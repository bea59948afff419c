"""The HTTP client for callbacks: keep-alive connections to one address, one request at a time on each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple, cast
from urllib.parse import urlsplit

import httptools

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ANSWER: Final = 256 * 1024
MAX_IDLE: Final = 256


class CallFailedError(Exception):
    """No answer: `reason` is timeout, refused, closed or malformed."""

    def __init__(self, reason: str) -> None:
        """Keep the reason; the log shows it."""
        super().__init__(reason)
        self.reason = reason


class Target(NamedTuple):
    """Where a callback URL points."""

    secure: bool
    host: str
    port: int
    path: str
    query: str

    @property
    def authority(self) -> str:
        """Host header value."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


class Answer(NamedTuple):
    """Status and body of one answer."""

    status: int
    body: bytes


def parse_target(url: str) -> Target:
    """Split a callback URL; raises ValueError unless it is plain http or https with a host."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        message = "callback_url must be http://host[:port]/path"
        raise ValueError(message)
    secure = parts.scheme == "https"
    return Target(secure, parts.hostname, parts.port or (443 if secure else 80), parts.path or "/", parts.query)


class _Link(asyncio.Protocol):
    """One connection; holds the answer being read."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiting: asyncio.Future[Answer] | None = None
        self.used = 0
        self.closed = False
        self._begin()

    def _begin(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self.received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the interface without the base class.
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.closed = True
        self.fail("closed")

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if self.received > MAX_ANSWER:
            self.fail("malformed")
            self.abort()
            return
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail("malformed")
            self.abort()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        if not self.parser.should_keep_alive():
            self.closed = True
        if self.waiting and not self.waiting.done():
            self.waiting.set_result(Answer(status, b"".join(self._body)))

    def send(self, head: bytes, body: bytes, waiting: asyncio.Future[Answer]) -> None:
        self._begin()
        self.used += 1
        self.waiting = waiting
        # A server that is killed closes links that were made or kept a moment ago, and the loop's transport refuses to be written to.
        if self.closed or self.transport is None or self.transport.is_closing():
            self.fail("closed")
            return
        try:
            self.transport.write(head + body)
        except (RuntimeError, OSError):
            self.closed = True
            self.fail("closed")

    def fail(self, reason: str) -> None:
        if self.waiting and not self.waiting.done():
            self.waiting.set_exception(CallFailedError(reason))

    def abort(self) -> None:
        self.closed = True
        if self.transport:
            self.transport.abort()


class Client:
    """A pool of links by address; the caller bounds how many calls run at once."""

    def __init__(self) -> None:
        """Start with no connection."""
        self._idle: dict[tuple[str, int, bool], list[_Link]] = {}

    async def post(
        self,
        target: Target,
        *,
        query: str,
        body: bytes,
        content_type: str,
        timeout_s: float,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Answer:
        """POST and read the answer within `timeout_s`; raises CallFailedError."""
        both = "&".join(part for part in (target.query, query) if part)
        more = "".join(f"{name}: {value}\r\n" for name, value in headers)
        head = (
            f"POST {target.path}{'?' if both else ''}{both} HTTP/1.1\r\nHost: {target.authority}\r\nUser-Agent: Mozilla/4.0\r\n"
            f"Accept: */*\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        ).encode("latin-1", "replace")
        return await self._within(timeout_s, target, head, body)

    async def get(self, target: Target, *, query: str, timeout_s: float) -> Answer:
        """GET and read the answer within `timeout_s`; raises CallFailedError. Used for the echo check."""
        both = "&".join(part for part in (target.query, query) if part)
        head = f"GET {target.path}?{both} HTTP/1.1\r\nHost: {target.authority}\r\nAccept: */*\r\n\r\n".encode("latin-1", "replace")
        return await self._within(timeout_s, target, head, b"")

    async def _within(self, timeout_s: float, target: Target, head: bytes, body: bytes) -> Answer:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            link = await self._link(target, deadline - loop.time())
            reused = link.used > 0
            try:
                return await self._exchange(link, head, body, deadline, target)
            except CallFailedError as failed:
                # A kept connection that the server closed meanwhile has read nothing: a new one is not a new try.
                if not (reused and failed.reason == "closed" and link.received == 0):
                    raise

    async def _exchange(self, link: _Link, head: bytes, body: bytes, deadline: float, target: Target) -> Answer:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Answer] = loop.create_future()
        timer = loop.call_at(deadline, _cut(link))
        try:
            link.send(head, body, waiting)
            answer = await waiting
        finally:
            timer.cancel()
            link.waiting = None
        self._keep(link, target)
        return answer

    async def _link(self, target: Target, timeout_s: float) -> _Link:
        idle = self._idle.get((target.host, target.port, target.secure), [])
        while idle:
            link = idle.pop()
            if not link.closed and link.transport and not link.transport.is_closing():
                return link
        loop = asyncio.get_running_loop()
        try:
            _, made = await asyncio.wait_for(
                loop.create_connection(_Link, target.host, target.port, ssl=target.secure or None),
                max(timeout_s, 0.001),
            )
        except TimeoutError as error:
            reason = "timeout"
            raise CallFailedError(reason) from error
        except OSError as error:
            reason = "refused"
            raise CallFailedError(reason) from error
        return made

    def _keep(self, link: _Link, target: Target) -> None:
        idle = self._idle.setdefault((target.host, target.port, target.secure), [])
        if link.closed or len(idle) >= MAX_IDLE:
            link.abort()
        else:
            idle.append(link)

    def close(self) -> None:
        """Drop every kept connection."""
        for links in self._idle.values():
            for link in links:
                link.abort()
        self._idle.clear()


def _cut(link: _Link) -> Callable[[], None]:
    def cut() -> None:
        link.fail("timeout")
        link.abort()

    return cut
