"""What a command changed in the database, seen from outside, and which commands need no line in the audit for it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from sqlalchemy import Engine, event

from app.cli import main

BOOKKEEPING = {"tries", "idempotency", "cache_version", "alembic_version", "staff_scan"}
"""Tables that hold no money, no right and no personal data."""

BY_ITSELF = {
    "migrate": "the schema, not what is in it",
    "account import": "followers WeChat tells of, as events do: each follower row says when he was synced",
    "dead replay": "events recorded late: they are in the inbound table as any other",
    "facts count": "reads",
    "ledger night": "the clock's own work: every posting of the night is a row of the ledger with actor and moment",
    "tier review": "the clock's own work: every change is a row of tier_change with actor, reason and moment",
    "lifecycle review": "the clock's own work, like the tiers' review",
    "migrate-vendor trial": "writes the paper of the trial alone; what is brought in is noted by the run",
}
"""Commands that may change rows without a line in the audit, and why."""

_CHANGE = re.compile(r"\b(?:INSERT\s+INTO|UPDATE(?!\s+(?:OF|SKIP|NOWAIT|SET)\b)|DELETE\s+FROM)\s+(?:ONLY\s+)?([a-z_]+)", re.IGNORECASE)


@contextmanager
def watched(engine: Engine) -> Iterator[set[str]]:
    """Collects the tables in which at least one row was inserted, updated or deleted while the block ran and was not rolled back."""
    changed: set[str] = set()
    pending: dict[int, set[str]] = {}

    def seen(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if cursor.rowcount > 0:
            pending.setdefault(id(connection), set()).update(_CHANGE.findall(statement))

    def kept(connection: Any) -> None:
        changed.update(name.lower() for name in pending.pop(id(connection), ()))

    def lost(connection: Any) -> None:
        pending.pop(id(connection), None)

    listeners = (("after_cursor_execute", seen), ("commit", kept), ("rollback", lost))
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        yield changed
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)


def path_of(arguments: tuple[str, ...]) -> str:
    """The name of the command that was called: `tags rule add`."""
    found: click.Command | None = main
    names: list[str] = []
    for word in arguments:
        if not isinstance(found, click.Group) or word.startswith("-"):
            break
        found = found.get_command(click.Context(found), word)
        names.append(word)
    return " ".join(names)
