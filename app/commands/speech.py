"""How a command speaks: Chinese first, English on request, tables that line up, or one JSON document and nothing else."""

import json
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from app.core.clock import SHANGHAI

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_GAP = "  "


def language() -> str:
    """`en` when `FANKA_LANG` begins so, else `zh`."""
    return "en" if os.environ.get("FANKA_LANG", "").lower().startswith("en") else "zh"


def say(zh: str, en: str) -> str:
    """One thing in the language asked for."""
    return en if language() == "en" else zh


def told(detail: str) -> str:
    """A sentence that may hold both languages (`中文 / English`): all of it, or its English half on request."""
    zh, _, en = detail.partition(" / ")
    return en if en and language() == "en" and _CHINESE.search(zh) else detail


def moment(at: datetime | None) -> str:
    """A moment as it is shown: Asia/Shanghai, to the second; a dash for none."""
    return "-" if at is None else at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def iso(at: datetime | None) -> str | None:
    """A moment as JSON carries it: UTC."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def width(text: str) -> int:
    """How many columns a text takes in a terminal: Chinese signs take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 0 if unicodedata.combining(sign) else 1 for sign in text)


def pad(text: str, columns: int) -> str:
    """A text filled with spaces to a number of columns."""
    return text + " " * max(columns - width(text), 0)


class Voice:
    """What one command has to say: lines for a person, or one JSON document."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def line(self, zh: str, en: str) -> None:
        """One line for a person."""
        if not self.as_json:
            click.echo(printable(say(zh, en)))

    def progress(self, zh: str, en: str) -> None:
        """A line about work that goes on: to standard error, so that what a command answers stays alone on standard output."""
        click.echo(say(zh, en), err=True)

    def table(self, heads: Sequence[tuple[str, str]], rows: Sequence[Sequence[object]], *, empty: tuple[str, str]) -> None:
        """Rows under heads, or one line when there are none."""
        if self.as_json:
            return
        if not rows:
            self.line(*empty)
            return
        shown = [[say(*head) for head in heads], *([_cell(value) for value in row] for row in rows)]
        widths = [max(width(row[column]) for row in shown) for column in range(len(heads))]
        for row in shown:
            click.echo(printable(_GAP.join(pad(value, columns) for value, columns in zip(row, widths, strict=True)).rstrip()))

    def answer(self, document: Mapping[str, Any]) -> None:
        """The result as JSON, when that was asked for. Called once a command."""
        if self.as_json:
            click.echo(as_json(document))


def as_json(document: Mapping[str, Any]) -> str:
    """A document on one line. A byte that a shell handed over and that is no UTF-8 is escaped: it must not stop what is to be said."""
    return printable(json.dumps(document, ensure_ascii=False, default=str))


def printable(text: str) -> str:
    """A text that any UTF-8 terminal takes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return say("是", "yes") if value else say("否", "no")
    if isinstance(value, datetime):
        return moment(value)
    return " ".join(str(value).split())
