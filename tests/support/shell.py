"""Shell commands of a paper, run as they stand: `fanka` in them is the command line of the test's own house."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from app.local.place import CHECKOUT

# A process of its own would take a second to start, many times over; this one only carries words.
_SHIM = """#!{python} -SE
import json, os, socket, sys
wire = socket.socket(socket.AF_UNIX)
wire.connect({path!r})
wire.sendall(json.dumps([sys.argv[1:], sys.stdin.read(), {{"STAFF_PASSWORD": os.environ.get("STAFF_PASSWORD")}}]).encode())
wire.shutdown(socket.SHUT_WR)
code, out, err = json.loads(wire.makefile().read())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


class Shell:
    """One terminal: what a command sets stays set for the next one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = folder / "kept.sh"
        self._kept.touch()

    def run(self, commands: str) -> str:
        """Run and return what was printed; a command that fails fails the test."""
        script = f"set -e\n. {self._kept}\n{commands}\nset +e; declare -p COUPON KEY > {self._kept} 2> /dev/null; true\n"
        env = {"PATH": f"{self._folder}:{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(self._folder), "LANG": "C.UTF-8"}
        done = subprocess.run(
            ["bash", "-c", script], cwd=CHECKOUT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def open_shell(folder: Path, run) -> Iterator[Shell]:
    """A terminal in which `fanka` is answered by `run(*arguments, stdin=, env=)`."""
    path = str(folder / "wire")
    shim = folder / "fanka"
    shim.write_text(_SHIM.format(python=sys.executable, path=path))
    shim.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen()
        Thread(target=_answer, args=(door, run), daemon=True).start()
        try:
            yield Shell(folder)
        finally:
            door.shutdown(socket.SHUT_RDWR)


def _answer(door: socket.socket, run) -> None:
    while True:
        try:
            wire, _ = door.accept()
        except OSError:
            return
        with wire:
            arguments, stdin, env = json.loads(wire.makefile().read())
            said = run(*arguments, stdin=stdin, env={name: value for name, value in env.items() if value is not None})
            wire.sendall(json.dumps([said.code, said.out, said.err]).encode())
