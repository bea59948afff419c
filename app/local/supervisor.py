"""One supervisor over all processes of a house: one log, restarts with patience, and an end in order."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self, TextIO

from app.core.errors import UnavailableError
from app.local.program import Program, launch
from app.local.session import Notes, reap

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_STEADY_S = 60.0
"""A child that lived this long is forgiven its earlier deaths."""
_NAME_WIDTH = 8


class Supervisor:
    """Runs children until its block ends, then stops them in the reverse order of their start.

    `out` receives every line of every child with its name before it; `notes` is a file that remembers them.
    SIGTERM ends the block like Ctrl-C does. Orphans of an earlier supervisor with the same notes are ended first.
    """

    def __init__(self, *, out: TextIO, notes: Path) -> None:
        self._out = out
        self._writing = threading.Lock()
        self._notes = Notes(notes)
        self._noting = threading.Lock()
        self._children: list[_Child] = []
        self._before: dict[signal.Signals, Any] = {}
        self._asked = threading.Event()

    def __enter__(self) -> Self:
        orphans = self._notes.end_orphans()
        if orphans:
            self.say("up", f"ended {orphans} processes that an earlier run had left behind")
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # From here on a second Ctrl-C does nothing: it must not leave half of the children running.
        self._asked.set()
        for child in reversed(self._children):
            child.stop()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def start(self, program: Program) -> None:
        """Start a child and wait until it is ready. Raises UnavailableError when it never is."""
        child = _Child(program, say=self.say, born=self._born, gone=self._gone)
        self._children.append(child)
        child.start()

    def names(self) -> list[str]:
        """The children, in the order of their start."""
        return [child.program.name for child in self._children]

    def pid(self, name: str) -> int | None:
        """The present process number of a child; None between a death and the next start."""
        return next((child.pid for child in self._children if child.program.name == name), None)

    def wait(self) -> None:
        """Sleep until SIGTERM or Ctrl-C comes."""
        while not self._asked.wait(1.0):
            pass

    def say(self, name: str, line: str) -> None:
        """Write one line of the common log."""
        with self._writing:
            self._out.write(f"{name:<{_NAME_WIDTH}} | {line}\n")
            self._out.flush()

    def _born(self, pid: int) -> None:
        with self._noting:
            self._notes.add(pid)

    def _gone(self, pid: int) -> None:
        with self._noting:
            self._notes.remove(pid)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._asked.is_set():
            return
        self._asked.set()
        if number == signal.SIGTERM:
            raise SystemExit(128 + number)
        raise KeyboardInterrupt


class _Child:
    """One program, started again whenever it ends by itself."""

    def __init__(
        self, program: Program, *, say: Callable[[str, str], None], born: Callable[[int], None], gone: Callable[[int], None]
    ) -> None:
        self.program = program
        self._say, self._born, self._gone = say, born, gone
        self._stopping = threading.Event()
        self._steady = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._changing = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name=f"keep-{program.name}", daemon=True)
        self._failure: Exception | None = None

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def start(self) -> None:
        self._thread.start()
        until = time.monotonic() + self.program.ready_within_s
        while not (self.pid is not None and self.program.ready()):
            if self._failure is not None:
                raise self._failure
            if time.monotonic() > until:
                raise UnavailableError(f"{self.program.name} was not ready within {self.program.ready_within_s:.0f} s")
            time.sleep(0.05)
        self._steady.set()

    def stop(self) -> None:
        self._stopping.set()
        with self._changing:
            process = self._process
            if process is not None and process.returncode is None:
                os.kill(process.pid, self.program.stop_signal)
        self._thread.join(self.program.stop_within_s)
        if self._thread.is_alive():
            with self._changing:
                process = self._process
                if process is not None and process.returncode is None:
                    self._say("up", f"{self.program.name} did not stop within {self.program.stop_within_s:.0f} s and is killed")
                    os.kill(process.pid, signal.SIGKILL)
            self._thread.join(10)

    def _keep(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                status = self._once()
            except Exception as error:  # noqa: BLE001 - whatever keeps a child from starting is said, and tried again.
                if not self._steady.is_set():
                    self._failure = error
                    return
                self._say("up", f"{self.program.name} could not be started: {error}")
                status = None
            if self._stopping.is_set():
                return
            if time.monotonic() - began > _STEADY_S:
                pause_s = _FIRST_PAUSE_S
            if status is not None:
                self._say("up", f"{self.program.name} ended with status {status}; it starts again in {pause_s:g} s")
            self._stopping.wait(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _once(self) -> int | None:
        with self._changing:
            if self._stopping.is_set():
                return None
            process = self._process = launch(self.program, output=subprocess.PIPE)
        self._born(process.pid)
        reader = threading.Thread(target=self._copy, args=(process,), name=f"read-{self.program.name}", daemon=True)
        reader.start()
        status = reap(process, self._changing)
        self._gone(process.pid)
        reader.join(5)
        return status

    def _copy(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self._say(self.program.name, line.decode(errors="replace").rstrip())
