"""A load generator that costs little: keep-alive connections that send what was built beforehand and time the answers."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import uvloop


@dataclass(slots=True)
class Load:
    """What a run of requests came to. `latencies_s` are from the moment a request was due; `replies` counts answers with a body."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    replies: int = 0
    lasted_s: float = 0.0
    own_cpu_s: float = 0.0
    """What this generator itself cost; near `lasted_s` it would be the bottleneck."""

    @property
    def accepted(self) -> int:
        return self.statuses[200]

    @property
    def per_s(self) -> float:
        return self.accepted / self.lasted_s

    def quantile_ms(self, share: float) -> float:
        """The latency below which `share` of the answers came."""
        ordered = sorted(self.latencies_s)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


def post(path: str, body: bytes, *, host: str = "127.0.0.1", content_type: str = "text/xml") -> bytes:
    """One POST as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def closed_loop(requests: Sequence[bytes], *, port: int, connections: int) -> Load:
    """Send every request as fast as answers come, on so many connections."""
    return uvloop.run(_closed(requests, port=port, connections=connections))


def open_loop(requests: Sequence[bytes], *, port: int, connections: int, per_s: float) -> Load:
    """Send at a steady rate whatever the answers do; a request that found no free connection waits, and its wait counts."""
    return uvloop.run(_opened(requests, port=port, connections=connections, per_s=per_s))


class _Wire(asyncio.Protocol):
    """One connection with at most one request on it."""

    def __init__(self, load: Load, free: Callable[["_Wire"], None]) -> None:
        self._load, self._free = load, free
        self._transport: asyncio.Transport | None = None
        self._held = b""
        self._due = 0.0
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        if self.busy:
            self._done(0, body=0)

    def send(self, request: bytes, due: float) -> None:
        self._due, self.busy = due, self._transport is not None
        if self._transport is None:
            asyncio.get_running_loop().call_soon(self._done, 0, 0)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        held = self._held = self._held + data if self._held else data
        end = held.find(b"\r\n\r\n")
        if end < 0:
            return
        head = held[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(held) < end + 4 + length:
            return
        self._held = held[end + 4 + length :]
        if b"connection: close" in head and self._transport is not None:
            # What would be sent now would never be answered; the requests that follow on it count as unanswered.
            self._transport.close()
            self._transport = None
        self._done(int(held[9:12]), body=length)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _done(self, status: int, body: int) -> None:
        self.busy = False
        load = self._load
        load.statuses[status] += 1
        load.latencies_s.append(time.perf_counter() - self._due)
        if body:
            load.replies += 1
        self._free(self)


async def _connect(load: Load, free: Callable[[_Wire], None], *, port: int, connections: int) -> list[_Wire]:
    loop = asyncio.get_running_loop()
    pairs = [await loop.create_connection(lambda: _Wire(load, free), "127.0.0.1", port) for _ in range(connections)]
    return [wire for _, wire in pairs]


async def _closed(requests: Sequence[bytes], *, port: int, connections: int) -> Load:
    load = Load()
    left: Iterator[bytes] = iter(requests)
    finished = asyncio.Event()

    def free(wire: _Wire) -> None:
        request = next(left, None)
        if request is not None:
            wire.send(request, time.perf_counter())
        elif load.statuses.total() == len(requests):
            finished.set()

    wires = await _connect(load, free, port=port, connections=connections)
    began, cpu = time.perf_counter(), time.process_time()
    for wire in wires:
        free(wire)
    await finished.wait()
    load.lasted_s, load.own_cpu_s = time.perf_counter() - began, time.process_time() - cpu
    for wire in wires:
        wire.close()
    return load


async def _opened(requests: Sequence[bytes], *, port: int, connections: int, per_s: float) -> Load:
    load = Load()
    idle: list[_Wire] = []
    waiting: asyncio.Queue[tuple[bytes, float]] = asyncio.Queue()
    finished = asyncio.Event()

    def free(wire: _Wire) -> None:
        if waiting.empty():
            idle.append(wire)
        else:
            wire.send(*waiting.get_nowait())
        if load.statuses.total() == len(requests):
            finished.set()

    wires = await _connect(load, free, port=port, connections=connections)
    idle += wires
    began, cpu = time.perf_counter(), time.process_time()
    issued = 0
    while issued < len(requests):
        due_now = min(int((time.perf_counter() - began) * per_s) + 1, len(requests))
        while issued < due_now:
            due = began + issued / per_s
            if idle:
                idle.pop().send(requests[issued], due)
            else:
                waiting.put_nowait((requests[issued], due))
            issued += 1
        await asyncio.sleep(0.001)
    await finished.wait()
    load.lasted_s, load.own_cpu_s = time.perf_counter() - began, time.process_time() - cpu
    for wire in wires:
        wire.close()
    return load
