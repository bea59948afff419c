"""Bounds on what a request may bring: its body by declared length, its query by size and by each name once, and how many may dawdle."""

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from app.core.errors import BadRequestError, UnavailableError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_MAX_QUERY = 2048
_MAX_NAMES = 32
# An oversized body is read away up to here, so that a well-meaning client hears why it was refused instead of a broken connection.
_DRAIN_BYTES = 16 * 1024 * 1024
_DRAIN_S = 2.0
_STEP = 64 * 1024


class Patience:
    """Lets no more than `most` threads of a process wait for bodies at once, so that clients who promise one and send none cannot hold them all.

    `heard` is the beginning of paths that are always heard: what stands there refuses strangers before it reads. Whoever finds no place
    within `wait_s` is told to come again (503). A proxy in front that passes on whole requests makes this idle.
    """

    def __init__(self, wsgi_app: "WSGIApplication", *, most: int, heard: str, wait_s: float = 0.5) -> None:
        self._wsgi_app = wsgi_app
        self._places = threading.BoundedSemaphore(max(most, 1))
        self._heard = heard
        self._wait_s = wait_s

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(self._heard):
            environ["wsgi.input"] = _Shared(environ["wsgi.input"], self._places, wait_s=self._wait_s)
        return self._wsgi_app(environ, start_response)


class _Shared:
    """A body that is read only while one of the places is held."""

    def __init__(self, stream: Any, places: threading.BoundedSemaphore, *, wait_s: float) -> None:
        self._stream = stream
        self._places = places
        self._wait_s = wait_s

    def read(self, *size: int) -> bytes:
        return bytes(self._held("read", *size))

    def readline(self, *size: int) -> bytes:
        return bytes(self._held("readline", *size))

    def _held(self, name: str, *size: int) -> Any:
        if not self._places.acquire(timeout=self._wait_s):
            raise UnavailableError("too many requests are slow to send what they promised; try again", code="busy")
        try:
            return getattr(self._stream, name)(*size)
        finally:
            self._places.release()


def read_bounded(environ: dict[str, Any], *, limit: int) -> bytes:
    """The body of a request, exactly as long as it says and at most `limit` bytes.

    Raises BadRequestError: 411 without a length, 413 beyond the limit, 415 when it is encoded, 400 when the length is wrong.
    """
    encoding = environ.get("HTTP_CONTENT_ENCODING")
    if encoding and encoding.strip().lower() != "identity":
        _drain(environ)
        raise BadRequestError("the body must not be compressed or encoded", code="encoded_body", status=415)
    declared = environ.get("CONTENT_LENGTH") or ""
    if not declared or environ.get("HTTP_TRANSFER_ENCODING"):
        _drain(environ)
        raise BadRequestError("the request needs a Content-Length", code="length_required", status=411)
    if not declared.isascii() or not declared.isdigit() or len(declared) > 18:
        raise BadRequestError("Content-Length is not a number", code="bad_length")
    length = int(declared)
    if length > limit:
        _drain(environ)
        raise BadRequestError(f"the body is over {limit} bytes", code="body_too_large", status=413)
    body = _read_exactly(environ["wsgi.input"], length)
    if len(body) != length:
        raise BadRequestError("the body is shorter than its Content-Length", code="bad_length")
    return body


def read_query(environ: dict[str, Any]) -> dict[str, str]:
    """The query's parameters, each given once. Raises BadRequestError."""
    query = environ.get("QUERY_STRING", "")
    if len(query) > _MAX_QUERY:
        raise BadRequestError("the query is too long", code="bad_query")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_NAMES, encoding="utf-8", errors="strict")
    except ValueError as error:
        raise BadRequestError("the query cannot be read", code="bad_query") from error
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequestError("a query parameter is given twice", code="repeated_parameter")
    return found


def _read_exactly(stream: Any, length: int) -> bytes:
    first: bytes = stream.read(length)
    if len(first) == length or not first:
        return first
    parts, held = [first], len(first)
    while held < length:
        part = stream.read(length - held)
        if not part:
            break
        parts.append(part)
        held += len(part)
    return b"".join(parts)


def _drain(environ: dict[str, Any]) -> None:
    stream, until, left = environ["wsgi.input"], time.monotonic() + _DRAIN_S, _DRAIN_BYTES
    # A server that does not end the stream at the body's end would leave us waiting, so only one that says it does is drained.
    if not environ.get("wsgi.input_terminated"):
        return
    try:
        while left > 0 and time.monotonic() < until and (part := stream.read(_STEP)):
            left -= len(part)
    except OSError:
        return
