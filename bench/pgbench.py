"""pgbench beside ours: it sends the statements that one act of ours sent, as the server heard them, prepared and with every parameter a parameter."""

import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, create_engine

from app.core.db import engine_options
from bench.ground import Ground, wait_until
from bench.webhook import WrongError

Heard = Sequence[tuple[str, Sequence[str | None]]]
"""Statements with numbered parameters, and the values these had."""


@dataclass(frozen=True, slots=True)
class Script:
    """A transaction for pgbench, and the variables that are the same in all of them."""

    path: Path
    defined: Mapping[str, str]


def listen(place: Ground, act: Callable[[Engine], None]) -> Heard:
    """What an act sends in its one transaction, from the server's log. Raises WrongError when that is not one transaction."""
    options = engine_options(pool_size=1)
    options["connect_args"]["options"] += " -c log_statement=all"
    engine = create_engine(place.env["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1), **options)
    with engine.connect():
        # What a new connection asks of the server is said now, and not heard.
        log = Path(place.log.name)
        begin = log.stat().st_size
    act(engine)
    engine.dispose()
    wait_until(lambda: b"statement: COMMIT" in log.read_bytes()[begin:], within_s=10)
    lines = log.read_bytes()[begin:].decode().splitlines()
    if sum(bool(re.search(r"LOG:  (statement|execute [^:]+): BEGIN$", line)) for line in lines) != 1:
        raise WrongError("the server did not hear one transaction")
    found: list[tuple[str, list[str | None]]] = []
    for line in lines:
        executed = re.search(r"LOG:  execute [^:]+: (?!BEGIN$)(.*)", line)
        bound = re.search(r"DETAIL:  parameters: (.*)", line)
        if executed:
            found.append((executed[1], []))
        elif bound:
            found[-1][1].extend(_value(each) for each in re.findall(r"\$\d+ = (NULL|'(?:[^']|'')*')", bound[1]))
    return found


def _value(told: str) -> str | None:
    return None if told == "NULL" else told[1:-1].replace("''", "'")


def write_script(heard: Heard, known: Mapping[str, Sequence[str]], drawn: Mapping[str, str], *first: str) -> Script:
    """The script of what was heard. `known` names the parameters of each statement, `drawn` says what differs from transaction to transaction.

    `:id` ascends and is unique in a run, `:run` and `:head` (of a UUID) are the run's own; every statement must answer with one row, whose
    columns are `:t_...` from then on. Raises WrongError for a statement nobody knows.
    """
    defined: dict[str, str] = {}
    lines = [*first, "\\set n :n + 1", "\\set id :n * 16 + :client_id", "BEGIN;"]
    for statement, values in heard:
        names = known.get(statement)
        if names is None:
            raise WrongError(f"ours sent what this bench does not know: {statement[:200]}")
        said = []
        for name, value in zip(names, values, strict=True):
            if name not in drawn and value is not None:
                defined[name] = value
            said.append(drawn.get(name, f":{name}") if value is not None else "NULL")
        words = re.sub(r"\$(\d+)", lambda found, said=said: said[int(found[1]) - 1], statement)  # type: ignore[misc]
        lines.append(f"{words} \\gset t_")
    path = Path(tempfile.mkdtemp()) / "one.sql"
    path.write_text("\n".join([*lines, "COMMIT;"]) + "\n")
    return Script(path, defined)


def run_script(place: Ground, script: Script, *, connections: int, seconds: float) -> float:
    """Transactions per second. Raises WrongError when one of them failed."""
    # Beside the server, else wherever the machine has one: its version does not matter to what it sends.
    found_at = shutil.which("pgbench", path=f"{place.postgres.binaries.server.parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if found_at is None:
        raise WrongError("there is no pgbench beside the server and none on PATH")
    own = {"n": "0", "run": secrets.token_hex(4), "head": f"0198{secrets.token_hex(2)}-{secrets.token_hex(2)}-7000-8000-"}
    argv = [found_at, "-n", "-M", "prepared", "-c", str(connections), "-j", "2", "-T", str(max(int(seconds), 1)), "-f", str(script.path)]
    answer = subprocess.run(
        [*argv, *(f"-D{name}={value}" for name, value in {**script.defined, **own}.items()), place.env["DATABASE_URL"]],
        env={**os.environ, **place.postgres.binaries.env},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    found = re.search(r"tps = ([\d.]+)", answer.stdout)
    failed = re.search(r"number of failed transactions: (\d+)", answer.stdout)
    if answer.returncode or found is None or (failed and int(failed[1])):
        raise WrongError(f"pgbench: {answer.stderr[-600:]} {answer.stdout[-300:]}")
    return float(found[1])
