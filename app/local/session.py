"""What a dead child leaves behind: the rest of its session, ended without touching anybody else."""

import json
import os
import signal
import subprocess
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import psutil


def reap(child: subprocess.Popen[bytes], lock: AbstractContextManager[Any]) -> int:
    """Wait for a child, kill what is left of its process group, and return its status.

    The group is killed while the dead child is not yet collected, because until then its number cannot belong to a stranger. It is collected
    under `lock`, so that whoever signals it under the same lock never signals a stranger either.
    """
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with lock:
        # Nobody may be left in the group, or only the dead leader, whom macOS answers for with a refusal.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        return child.wait()


class Notes:
    """A file that remembers the children, so that those of a supervisor that was killed can be ended by the next one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._born: dict[int, float] = {}

    def add(self, pid: int) -> None:
        """Remember a child."""
        try:
            self._born[pid] = psutil.Process(pid).create_time()
        except psutil.Error:
            return
        self._write()

    def remove(self, pid: int) -> None:
        """Forget a child that has ended."""
        if self._born.pop(pid, None) is not None:
            self._write()

    def end_orphans(self, *, within_s: float = 10.0) -> int:
        """End the children of an earlier supervisor that still live, and what is left of their sessions; says how many there were."""
        orphans = [process for pid, born in self._read().items() for process in _session_of(pid, born)]
        for process in orphans:
            _tell(process, signal.SIGTERM)
        _, alive = psutil.wait_procs(orphans, timeout=within_s)
        for process in alive:
            _tell(process, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=5)
        self._path.unlink(missing_ok=True)
        return len(orphans)

    def _read(self) -> dict[int, float]:
        try:
            return {int(pid): float(born) for pid, born in json.loads(self._path.read_text()).items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def _write(self) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(self._born))
        fresh.replace(self._path)


def _session_of(pid: int, born: float) -> list[psutil.Process]:
    """The processes of the session a remembered child led. None when the number now belongs to somebody else or the machine was restarted."""
    if born < psutil.boot_time() - 1:
        return []
    try:
        if abs(psutil.Process(pid).create_time() - born) > 0.01:
            return []
    except psutil.NoSuchProcess:
        # The leader is gone. A session's number is not given away while it has members, so whoever has it is its own.
        pass
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == pid and process.create_time() >= born - 0.01:
                members.append(process)
        except (psutil.Error, OSError):
            continue
    return members


def _tell(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
