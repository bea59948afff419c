"""The append-only log file: lines from the loop, one fsync on a thread for everybody who waits."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Batch = tuple[list[bytes], list[Callable[[], None]]]

_READ_CHUNK: Final = 1 << 20


class Journal:
    """A file that grows by whole lines; `when_durable` tells who waits that all he wrote is on disk."""

    def __init__(self, path: Path) -> None:
        """Open `path` for appending, creating it, and start the writer thread; raises OSError when another process has it open."""
        self._loop = asyncio.get_running_loop()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        # Two platforms on one log would each rebuild half a truth; the lock ends with its process.
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._lines: list[bytes] = []
        self._waiting: list[Callable[[], None]] = []
        self._writing = False
        self._scheduled = False
        self._batches: SimpleQueue[Batch | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_batches, name="journal", daemon=True)
        self._thread.start()

    def append(self, line: bytes) -> None:
        """Take one line, which ends with a newline, into the next batch."""
        self._lines.append(line)
        if not self._scheduled and not self._writing:
            self._scheduled = True
            self._loop.call_soon(self._hand_over)

    def when_durable(self, then: Callable[[], None]) -> None:
        """Call `then` on the loop once everything appended so far is fsynced."""
        if not self._lines and not self._writing:
            then()
            return
        self._waiting.append(then)
        if not self._scheduled and not self._writing:
            self._scheduled = True
            self._loop.call_soon(self._hand_over)

    async def durable(self) -> None:
        """Wait until everything appended so far is fsynced."""
        done = self._loop.create_future()
        self.when_durable(lambda: None if done.done() else done.set_result(None))
        await done

    async def close(self) -> None:
        """Write what is left and close the file."""
        await self.durable()
        self._batches.put(None)
        await self._loop.run_in_executor(None, self._thread.join)
        os.close(self._file)

    def _hand_over(self) -> None:
        """Give the writer one batch: all who came while it wrote the last one share its single fsync."""
        self._scheduled = False
        if self._writing or not (self._lines or self._waiting):
            return
        self._writing = True
        batch = (self._lines, self._waiting)
        self._lines, self._waiting = [], []
        self._batches.put(batch)

    def _write_batches(self) -> None:
        while (batch := self._batches.get()) is not None:
            lines, waiting = batch
            try:
                _write_all(self._file, b"".join(lines))
                os.fdatasync(self._file)
            except OSError as error:
                # A platform that cannot keep its truth must not go on answering.
                print(f"sandbox: the truth log cannot be written: {error}", file=sys.stderr, flush=True)
                os._exit(70)
            self._loop.call_soon_threadsafe(self._written, waiting)

    def _written(self, waiting: list[Callable[[], None]]) -> None:
        self._writing = False
        # The next batch starts before the waiters run, so the disk works while the loop answers.
        self._hand_over()
        for then in waiting:
            then()


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the whole lines of a log; a last line torn by a kill is cut off the file first."""
    if not path.exists():
        return
    _cut_torn_line(path)
    with path.open("rb") as file:
        yield from file


def _cut_torn_line(path: Path) -> None:
    with path.open("r+b") as file:
        end = size = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _READ_CHUNK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end != size:
            file.truncate(end)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
