"""One HTTP request and one reply, as small as the hot path needs them."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_plus

import orjson

JSON_TYPE: Final = b"application/json; encoding=utf-8"

_REASONS: Final = {
    200: b"OK",
    302: b"Found",
    400: b"Bad Request",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    409: b"Conflict",
    413: b"Content Too Large",
    414: b"URI Too Long",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}


class Request:
    """What arrived: method, decoded path, query and the few headers somebody asks for."""

    __slots__ = ("body", "headers", "keep_alive", "method", "path", "query")

    def __init__(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Split `target` (path and query as on the request line) and keep the rest."""
        path, _, query = target.partition("?")
        self.method = method
        self.path = unquote_plus(path) if "%" in path else path
        self.query = parse_query(query)
        self.body = body
        self.headers = headers or {}
        self.keep_alive = True


class Reply:
    """What leaves: bytes, and when they may leave (`durable`: after the fsync; `delay_s`; `drop`: never)."""

    __slots__ = ("body", "content_type", "delay_s", "drop", "durable", "headers", "status")

    def __init__(
        self,
        body: bytes = b"",
        status: int = 200,
        content_type: bytes = JSON_TYPE,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        """Keep the body and its type; nothing is rendered before `head`."""
        self.body = body
        self.status = status
        self.content_type = content_type
        self.headers = headers
        self.durable = False
        self.delay_s = 0.0
        self.drop = False

    def head(self, *, date: bytes, close: bool) -> bytes:
        """Render the status line and the headers, with the empty line after them; `date` is as HTTP writes it."""
        extra = b"".join(b"%b: %b\r\n" % pair for pair in self.headers)
        if close:
            extra += b"Connection: close\r\n"
        return b"HTTP/1.1 %d %b\r\nDate: %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n" % (
            self.status,
            _REASONS.get(self.status, b"Status"),
            date,
            self.content_type,
            len(self.body),
            extra,
        )


def json_reply(value: object, status: int = 200) -> Reply:
    """Answer with `value` as JSON."""
    return Reply(orjson.dumps(value), status)


def error_reply(message: str, status: int = 400) -> Reply:
    """Answer a request that is not the platform's business: `{"error": message}`."""
    return json_reply({"error": message}, status)


def parse_query(query: str) -> dict[str, str]:
    """Parse a query string; the first of repeated names wins, bad escapes stay as they are."""
    found: dict[str, str] = {}
    if not query:
        return found
    for pair in query.split("&", 200)[:200]:
        name, _, value = pair.partition("=")
        if "%" in value or "+" in value:
            value = unquote_plus(value)
        found.setdefault(name, value)
    return found
