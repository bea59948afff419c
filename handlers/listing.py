"""The handlers as a table, for the command line and for `docs/handlers.md`."""

import importlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from handlers.outcome import Handler

_HEAD = """# Handlers of the message chain

One file each in `handlers/on`; they run in the order of their stages (guard, record, reply, fallback). This table is made from the registry by
`python -m handlers.listing` and compared with it by a test. A topic is the `MsgType` of a message or `event:` and the `Event` of an event in lower
case; `*` at the end hears every topic of that beginning, and a handler without topics hears everything.

| handler | stage | hears | what it is about |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One handler, described by the first sentence of its file."""

    name: str
    stage: str
    hears: tuple[str, ...]
    about: str


def lines(handlers: Iterable[Handler]) -> list[Line]:
    """The handlers in the order in which they run."""
    ordered = sorted(handlers, key=lambda each: (each.stage, each.name))
    return [Line(each.name, each.stage.name.lower(), tuple(sorted(each.hears)), _about(each)) for each in ordered]


def page(handlers: Iterable[Handler]) -> str:
    """The Markdown page."""
    rows = [f"| `{line.name}` | {line.stage} | {_topics(line)} | {line.about} |\n" for line in lines(handlers)]
    return _HEAD + "".join(rows)


def _topics(line: Line) -> str:
    return ", ".join(f"`{topic}`" for topic in line.hears) or "everything"


def _about(handler: Handler) -> str:
    act = getattr(handler, "act", None)
    module = importlib.import_module(act.__module__ if act is not None else type(handler).__module__)
    return (module.__doc__ or "").strip().split("\n", 1)[0]


def main() -> None:
    """Print the page."""
    from app.core.registry import discover

    sys.stdout.write(page(discover("handlers.on")))


if __name__ == "__main__":
    main()
