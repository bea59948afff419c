"""One finding of the doctor: which part, how bad, and one line in each language."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one part. `bad` means that something does not work until it is mended."""

    part: str
    level: Level
    zh: str
    en: str


def ok(part: str, zh: str, en: str) -> Finding:
    """The part works."""
    return Finding(part, "ok", zh, en)


def warn(part: str, zh: str, en: str) -> Finding:
    """The part works, but something about it deserves a look."""
    return Finding(part, "warn", zh, en)


def bad(part: str, zh: str, en: str) -> Finding:
    """The part does not work until it is mended."""
    return Finding(part, "bad", zh, en)


def bad_as_said(part: str, both: str) -> Finding:
    """A fault whose sentence is written `中文 / English` already."""
    zh, _, en = both.partition(" / ")
    return Finding(part, "bad", zh, en or zh)
