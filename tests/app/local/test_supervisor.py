"""The supervisor: one log, restarts, an end in order, orphans ended, strangers left alone."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from app.core.errors import UnavailableError
from app.local.place import CHECKOUT
from app.local.program import Program
from app.local.session import Notes
from app.local.supervisor import Supervisor

PATIENT = "import signal, time\nsignal.signal(signal.SIGTERM, lambda *_: (print('{0} bye', flush=True), exit(0)))\nprint('{0} here', flush=True)\ntime.sleep(600)"


def program(name: str, code: str, **more: object) -> Program:
    return Program(name=name, argv=(sys.executable, "-c", code), cwd=CHECKOUT, env={"PATH": "/usr/bin:/bin"}, **more)


def eventually(what: Callable[[], object], within_s: float = 30.0) -> object:
    """Wait for something another process does; the limit only ends a test that has already failed."""
    until = time.monotonic() + within_s
    while not (found := what()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)
    return found


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_children_share_one_log_and_stop_in_reverse_order(tmp_path):
    out = io.StringIO()
    with Supervisor(out=out, notes=tmp_path / "notes") as supervisor:
        for name in ("first", "second", "third"):
            supervisor.start(program(name, PATIENT.format(name)))
            eventually(lambda name=name: f"{name} here" in out.getvalue())
        assert supervisor.names() == ["first", "second", "third"]
    lines = [line for line in out.getvalue().splitlines() if line.endswith(("here", "bye"))]
    assert lines == [
        "first    | first here",
        "second   | second here",
        "third    | third here",
        "third    | third bye",
        "second   | second bye",
        "first    | first bye",
    ]


def test_a_child_that_was_killed_starts_again(tmp_path):
    out = io.StringIO()
    with Supervisor(out=out, notes=tmp_path / "notes") as supervisor:
        supervisor.start(program("web", PATIENT.format("web")))
        eventually(lambda: "web here" in out.getvalue())
        first = supervisor.pid("web")
        os.kill(first, signal.SIGKILL)
        second = eventually(lambda: supervisor.pid("web") not in {None, first} and supervisor.pid("web"))
        eventually(lambda: out.getvalue().count("web here") == 2)
    assert gone(second)
    assert "web ended with status -9; it starts again in 0.5 s" in out.getvalue()


def test_what_a_killed_child_had_started_itself_does_not_stay(tmp_path):
    out = io.StringIO()
    code = "import subprocess, sys, time\nprint('grandchild', subprocess.Popen(['sleep', '600']).pid, flush=True)\ntime.sleep(600)"
    with Supervisor(out=out, notes=tmp_path / "notes") as supervisor:
        supervisor.start(program("web", code))
        grandchild = int(eventually(lambda: re.search(r"grandchild (\d+)", out.getvalue()))[1])
        os.kill(supervisor.pid("web"), signal.SIGKILL)
        eventually(lambda: gone(grandchild))


def test_a_child_that_ignores_the_signal_is_killed(tmp_path):
    out = io.StringIO()
    stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('here', flush=True)\ntime.sleep(600)"
    with Supervisor(out=out, notes=tmp_path / "notes") as supervisor:
        supervisor.start(program("web", stubborn, stop_within_s=0.5))
        eventually(lambda: "here" in out.getvalue())
        pid = supervisor.pid("web")
    assert gone(pid)
    assert "did not stop" in out.getvalue()


def test_a_child_that_never_gets_ready_ends_the_start_and_everything_before_it(tmp_path):
    out = io.StringIO()
    pids = []
    with (
        pytest.raises(UnavailableError, match="late was not ready"),
        Supervisor(out=out, notes=tmp_path / "notes") as supervisor,
    ):
        supervisor.start(program("early", PATIENT.format("early")))
        pids.append(supervisor.pid("early"))
        supervisor.start(program("late", "raise SystemExit(3)", ready=lambda: False, ready_within_s=1.0))
    assert gone(pids[0])
    assert "late ended with status 3" in out.getvalue()


def test_a_program_that_does_not_exist_is_named(tmp_path):
    lost = Program(name="web", argv=(str(tmp_path / "nowhere"),), cwd=CHECKOUT)
    with pytest.raises(FileNotFoundError, match="nowhere"), Supervisor(out=io.StringIO(), notes=tmp_path / "notes") as supervisor:
        supervisor.start(lost)


SUPERVISED = """
import sys
from pathlib import Path
from app.local.place import CHECKOUT
from app.local.program import Program
from app.local.supervisor import Supervisor
code = "import time; print('child here', flush=True); time.sleep(600)"
with Supervisor(out=sys.stdout, notes=Path(sys.argv[1])) as supervisor:
    for name in ("one", "two"):
        supervisor.start(Program(name=name, argv=(sys.executable, "-c", code), cwd=CHECKOUT))
    print("pids", supervisor.pid("one"), supervisor.pid("two"), flush=True)
    supervisor.wait()
"""


def supervised(notes: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A supervisor in a process of its own, and the numbers of its two children."""
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISED, str(notes)], cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for line in process.stdout:
        if line.startswith("pids"):
            return process, [int(pid) for pid in line.split()[1:]]
    raise AssertionError("the supervisor said nothing")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_a_signal_stops_everything(tmp_path, number, status):
    process, children = supervised(tmp_path / "notes")
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == status
    assert all(gone(pid) for pid in children)


def test_orphans_of_a_killed_supervisor_are_ended_by_the_next(tmp_path):
    process, children = supervised(tmp_path / "notes")
    process.kill()
    process.wait()
    process.stdout.close()
    assert not any(gone(pid) for pid in children)
    out = io.StringIO()
    with Supervisor(out=out, notes=tmp_path / "notes"):
        pass
    eventually(lambda: all(gone(pid) for pid in children))
    assert "ended 2 processes" in out.getvalue()


def test_a_stranger_with_a_remembered_number_is_left_alone(tmp_path):
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        path = tmp_path / "notes"
        born = psutil.Process(stranger.pid).create_time()
        # The number was a child's an hour before it became the stranger's.
        path.write_text(f'{{"{stranger.pid}": {born - 3600 if born - 3600 > psutil.boot_time() else born - 5}}}')
        assert Notes(path).end_orphans() == 0
        assert stranger.poll() is None
        path.write_text(f'{{"{stranger.pid}": {born}}}')
        assert Notes(path).end_orphans() == 1
        eventually(lambda: stranger.poll() is not None)
