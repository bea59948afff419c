"""The input log of the money: every request with its answer and every command, one JSON line each, on disk before the play goes on."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

Record = dict[str, Any]


class InputLog:
    """An append-only log; several threads may write."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        self._lock = Lock()
        self._number = 0

    def write(self, kind: str, **said: Any) -> int:
        """Write one line and bring it to the disk; says its number."""
        with self._lock:
            self._number += 1
            record = {"n": self._number, "at": round(time.time(), 3), "type": kind, **said}
            self._file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            return self._number

    def close(self) -> None:
        self._file.close()


def read_log(path: Path) -> Iterator[Record]:
    """The records of a log; a torn last line is not there yet. Raises ValueError when a line is no record."""
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return
            yield json.loads(line)
