"""Knocking at a real web server: kept connections for what is well formed, raw bytes for what is not."""

import asyncio
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import uvloop

MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Knock:
    """One POST, or whatever method is named; `about` comes back with its answer."""

    path: str
    query: str
    body: bytes
    content_type: str = "text/xml"
    method: str = "POST"
    about: Any = None

    def raw(self) -> bytes:
        target = f"{self.path}?{self.query}" if self.query else self.path
        head = f"{self.method} {target} HTTP/1.1\r\nHost: fanka\r\nContent-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n\r\n"
        return head.encode("latin-1") + self.body


@dataclass(frozen=True, slots=True)
class Answered:
    """What the server said; status 0 when it closed without a word."""

    status: int
    body: bytes


def knock_all(port: int, knocks: Sequence[Knock], *, connections: int = 16, timeout_s: float = 30.0) -> list[tuple[Knock, Answered]]:
    """Send all, on so many kept connections, and pair each with its answer."""
    return uvloop.run(_knock_all(port, knocks, connections=connections, timeout_s=timeout_s))


async def _knock_all(port: int, knocks: Sequence[Knock], *, connections: int, timeout_s: float) -> list[tuple[Knock, Answered]]:
    left = iter(knocks)
    found: list[tuple[Knock, Answered]] = []

    async def one() -> None:
        held: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for knock in left:
            for fresh in (False, True):
                if held is None or fresh:
                    held = await asyncio.open_connection("127.0.0.1", port)
                answered, stays = await asyncio.wait_for(_exchange(*held, knock.raw()), timeout_s)
                if not stays:
                    held[1].close()
                    held = None
                if answered.status or fresh:
                    # A kept connection may have been closed by the server between two knocks: that one is sent anew.
                    break
            found.append((knock, answered))
        if held is not None:
            held[1].close()

    await asyncio.gather(*(one() for _ in range(min(connections, len(knocks)))))
    return found


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes) -> tuple[Answered, bool]:
    try:
        writer.write(raw)
        await writer.drain()
    except (ConnectionError, RuntimeError):
        # The server may refuse before it has read everything; its words are still to be read.
        pass
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        named = dict(line.split(b":", 1) for line in lines[1:] if b":" in line)
        body = await reader.readexactly(min(int(named.get(b"content-length", b"0")), MOST_BYTES))
    except (ConnectionError, asyncio.IncompleteReadError):
        return Answered(0, b""), False
    return Answered(int(head[9:12]), body), named.get(b"connection", b"").strip() != b"close"


def shout(port: int, raw: bytes, *, timeout_s: float = 2.0) -> bytes:
    """Send bytes as they are on a connection of their own and hear everything the server says until it closes or the time ends."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as line, suppress(OSError):
        with suppress(OSError):
            # The server may refuse before it has read everything; its words are still to be heard.
            line.sendall(raw)
        while len(heard) < MOST_BYTES and (part := line.recv(65536)):
            heard += part
    return heard


def shout_all(port: int, raws: Mapping[Any, bytes]) -> dict[Any, bytes]:
    """What was heard to each of many shouts, by the same names."""
    with ThreadPoolExecutor(16) as pool:
        return dict(zip(raws, pool.map(lambda raw: shout(port, raw), raws.values()), strict=True))


def statuses(heard: bytes) -> Iterator[int]:
    """The status of every answer in what was heard."""
    for part in heard.split(b"HTTP/1.")[1:]:
        digits = part[2:5]
        if digits.isdigit():
            yield int(digits)
