"""Hostile hands at the terminal: bytes that are no text, numbers beyond all bounds, ids of nothing, files of nonsense. One JSON document, always."""

import json

import click
import pytest

from tests.app.commands.conftest import run_cli
from tests.app.commands.test_frame import LEAVES

NOT_RUN = {("demo",), ("sandbox",), ("up",)}
"""These start servers."""
WORDS = (
    "\udcff",
    "-1",
    "9" * 400,
    "0",
    "null",
    "{}",
    "[]",
    "[" * 3000,
    "../../etc/passwd",
    "@/dev/null",
    "@/",
    "@/nowhere/at/all",
    "٣",
    "x" * 70_000,
)


def arguments_of(found: click.Command, word: str) -> list[str]:
    """`word` for everything the command must be given, and for every option that takes a text."""
    given = []
    for option in found.params:
        if (
            isinstance(option, click.Option)
            and not option.is_flag
            and not option.count
            and (option.required or isinstance(option.type, click.types.StringParamType))
        ):
            given += [f"{option.opts[0]}={word}"]
    return [*given, "--", *(word for each in found.params if isinstance(each, click.Argument))]


@pytest.mark.parametrize("path", sorted(path for path in LEAVES if path not in NOT_RUN), ids=" ".join)
def test_nonsense_is_refused_in_one_document(house, tmp_path, monkeypatch, path):
    assert house
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad").write_bytes(b"\xff\xfe\x00{")
    (tmp_path / "deep").write_bytes(b'{"not":' * 20_000)
    for word in (*WORDS, f"@{tmp_path / 'bad'}", str(tmp_path / "deep"), str(tmp_path)):
        given = arguments_of(LEAVES[path], word)
        answer = run_cli(*path, "--json", *given, stdin="")
        assert answer.code in {0, 1, 2}
        document = json.loads(answer.out)
        assert isinstance(document, dict), (path, word)
        if answer.code:
            error = document.get("error") or document
            assert error.get("code") != "unexpected", (path, word[:50], document)
        assert "Traceback" not in answer.err
