"""Fanka as a person at a terminal uses it: its own commands, in this process, each answering with one JSON document."""

import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any
from unittest.mock import patch


class RefusedError(Exception):
    """A command ended with another code than 0."""


def fanka(*arguments: str, stdin: object = None, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run `fanka ... --json` and return its document; `stdin` is given as JSON. Raises RefusedError with what it said."""
    from app.cli import main

    said, complained = io.StringIO(), io.StringIO()
    given = io.StringIO("" if stdin is None else json.dumps(stdin))
    with patch.dict(os.environ, dict(env or {})), patch("sys.stdin", given), redirect_stdout(said), redirect_stderr(complained):
        try:
            main(args=[*arguments, "--json"], prog_name="fanka", standalone_mode=False)
            code: object = 0
        except SystemExit as ended:
            code = ended.code
    if code:
        message = f"fanka {' '.join(arguments)}: {said.getvalue().strip() or complained.getvalue().strip()}"
        raise RefusedError(message)
    answer: dict[str, Any] = json.loads(said.getvalue())
    return answer


@contextmanager
def one_house() -> Iterator[None]:
    """Keep one house open for all commands inside, instead of one each."""
    from app.commands.house import opened

    with opened():
        yield
