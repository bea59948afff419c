"""One child process: how it is started, when it is ready, and how it is asked to end."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from app.core.errors import UnavailableError
from app.local.place import RunAs


def _nothing() -> None:
    """No preparation is needed."""


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run as a child. `prepare` runs before every start, `ready` says when others may rely on it."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    runs_as: RunAs | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 20.0
    ready_within_s: float = 60.0
    prepare: Callable[[], None] = _nothing
    ready: Callable[[], bool] = _always


def launch(program: Program, *, output: int | IO[Any] | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that Ctrl-C at the terminal reaches only the one who stops things in order."""
    program.prepare()
    return subprocess.Popen(
        program.argv,
        cwd=program.cwd,
        env=dict(program.env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **(program.runs_as.popen_args() if program.runs_as is not None else {}),
    )


def wait_ready(program: Program, child: subprocess.Popen[bytes]) -> None:
    """Wait until a child may be relied on. Raises UnavailableError when it ends first or takes too long."""
    until = time.monotonic() + program.ready_within_s
    while not program.ready():
        if child.poll() is not None:
            raise UnavailableError(f"{program.name} ended with status {child.returncode} before it was ready")
        if time.monotonic() > until:
            raise UnavailableError(f"{program.name} was not ready within {program.ready_within_s:.0f} s")
        time.sleep(0.05)


def end(program: Program, child: subprocess.Popen[bytes]) -> int:
    """Ask a child to end, insist after `stop_within_s`, and say with which status it did."""
    if child.poll() is None:
        child.send_signal(program.stop_signal)
    try:
        return child.wait(program.stop_within_s)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def servers_in(folder: Path) -> list[psutil.Process]:
    """Every process whose working folder is `folder`: the servers whose data it is, and nobody else."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.cwd() == str(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def end_servers_in(folder: Path, *, names: tuple[str, ...], ask: signal.Signals, within_s: float = 20.0) -> None:
    """End what an earlier run left behind in `folder`: it has lost the one who would have stopped it."""
    stale = [process for process in servers_in(folder) if process.name() in names]
    parents = {process.pid for process in stale}
    # Children of a server end with it; asking them one by one would look like a crash to it.
    asked = [process for process in stale if process.ppid() not in parents]
    for process in asked:
        _signal(process, ask)
    _, alive = psutil.wait_procs(stale, timeout=within_s)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
