"""Bounds on what a request may bring: its body by declared length, its query by size and by each name once."""

import time
from typing import Any
from urllib.parse import parse_qsl

from app.core.errors import BadRequestError

_MAX_QUERY = 2048
_MAX_NAMES = 32
# An oversized body is read away up to here, so that a well-meaning client hears why it was refused instead of a broken connection.
_DRAIN_BYTES = 16 * 1024 * 1024
_DRAIN_S = 2.0
_STEP = 64 * 1024


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
