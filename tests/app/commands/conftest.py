"""How commands are run in tests: in this process on the test's house, each answering with its exit code, its words or its document."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import main
from tests.support.audited import BOOKKEEPING, BY_ITSELF, path_of, watched


@dataclass
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str
    json: Any = None


@pytest.fixture
def fanka(house, monkeypatch):
    """`fanka("account", "list")` runs a command for a person, `fanka(..., json=True)` for a program: its document must stand alone."""
    monkeypatch.delenv("FANKA_LANG", raising=False)

    def run(*arguments, json=False, stdin=None, env=None):
        with watched(house.engine) as changed:
            answer = run_cli(*arguments, as_json=json, stdin=stdin, env=env)
        # Whatever test runs a command: what it changed by hand is in the audit, or it is one of the few that say why not.
        silent = answer.code == 0 and changed - BOOKKEEPING and "audit_entry" not in changed
        assert not silent or path_of(arguments) in BY_ITSELF, (
            f"{path_of(arguments)} changed {sorted(changed)} and left no line in the audit"
        )
        return answer

    return run


@pytest.fixture
def doc(fanka):
    """A command's document; the command must succeed."""

    def run(*arguments, stdin=None, env=None):
        answer = fanka(*arguments, json=True, stdin=stdin, env=env)
        assert answer.code == 0, answer.out + answer.err
        return answer.json

    return run


def run_cli(*arguments, as_json=False, stdin=None, env=None):
    given = stdin if stdin is None or isinstance(stdin, str) else json.dumps(stdin)
    result = CliRunner().invoke(main, [*arguments, *(["--json"] if as_json else [])], input=given, env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    answer = Answer(result.exit_code, result.stdout, result.stderr)
    if as_json and answer.code != 2:
        answer.json = json.loads(answer.out)
    return answer


@pytest.fixture
def change_settings(house):
    """Change settings of the test's house."""

    def change(**values):
        house.settings = replace(house.settings, **values)

    return change


@pytest.fixture
def web_app(house):
    """The web application of the test's house, on the machine's own clock: a doctor signs with the time it is."""
    from app.core.clock import WallClock
    from app.factory import create_app

    return create_app(replace(house, clock=WallClock()))
