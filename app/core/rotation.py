"""Keys that change: every sealed column is sealed anew and every look-up hash made anew, in batches, and a killed run simply goes on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Engine, LargeBinary, Table, and_, func, literal, select, update
from sqlalchemy.orm import Session

from app.core.db import Base
from app.core.secrets import KeyRing, sealed_start
from app.core.unit import reading, work

BATCH = 500
_SEALED, _LOOKUP, _NEXT = "_sealed", "_lookup", "_next"
_ROW, _BATCH = "sealed_row", "sealed_batch"


@dataclass(frozen=True, slots=True)
class Sealed:
    """One sealed column; `row` is the column that holds the UUID its values are bound to, `most` how many of them go into one batch."""

    table: Table
    column: Column[Any]
    row: Column[Any]
    most: int = BATCH

    @property
    def label(self) -> str:
        return f"{self.table.name}.{self.column.name}"


@dataclass(frozen=True, slots=True)
class Lookup:
    """One hashed column beside its ciphertext. `kind` is what the hash is made for: the column's name without its ending."""

    sealed: Sealed
    column: Column[Any]
    following: Column[Any]

    @property
    def kind(self) -> str:
        return self.column.name.removesuffix(_LOOKUP)

    @property
    def label(self) -> str:
        return f"{self.sealed.table.name}.{self.column.name}"


Tell = Callable[[str, int], object]
"""Called after each batch with the column's label and how many of its values were changed so far."""


def _silently(label: str, done: int) -> None:
    """Nobody listens."""


def sealed_columns() -> list[Sealed]:
    """Every sealed column of every table: named `..._sealed`, or saying by `info={"sealed_row": ...}` what it is bound to.

    Columns of large values say by `info={"sealed_batch": ...}` how many of them may be in memory at once.
    """
    return [
        Sealed(table, column, table.c[column.info.get(_ROW, "public_id")], column.info.get(_BATCH, BATCH))
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith(_SEALED) or _ROW in column.info
    ]


def lookup_columns() -> list[Lookup]:
    """Every look-up hash, each beside the ciphertext it is made of."""
    by_name = {(sealed.table.name, sealed.column.name): sealed for sealed in sealed_columns()}
    return [
        Lookup(by_name[table.name, column.name.removesuffix(_LOOKUP) + _SEALED], column, table.c[column.name + _NEXT])
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith(_LOOKUP)
    ]


def count_by_key(engine: Engine, ring: KeyRing) -> dict[str, int]:
    """How many sealed values each key holds; under `?` those whose key is not in the ring."""
    counts = dict.fromkeys((key_id for key_id, _ in ring.sealing), 0)
    with reading(engine) as session:
        for sealed in sealed_columns():
            total = session.scalar(select(func.count()).where(sealed.column.is_not(None))) or 0
            for key_id in counts:
                held = session.scalar(select(func.count()).where(_sealed_with(sealed.column, key_id))) or 0
                counts[key_id] += held
                total -= held
            if total:
                counts["?"] = counts.get("?", 0) + total
    return counts


def reseal(engine: Engine, ring: KeyRing, *, tell: Tell = _silently, batch: int = BATCH) -> int:
    """Seal everything with the key now in use that is sealed with another; says how many values were changed.

    Each batch is one transaction; killed anywhere, the next run finds what is left. Raises UnsealError when a value does not open.
    """
    changed = 0
    for sealed in sealed_columns():
        done = 0
        old = and_(sealed.column.is_not(None), ~_sealed_with(sealed.column, ring.sealing[0][0]))
        for session, rows in _batches(engine, sealed.table, sealed.column, sealed.row, where=old, batch=min(batch, sealed.most)):
            for key, value, row in rows:
                name, bound = sealed.column.name, UUID(str(row))
                plain = ring.open_bytes(value, table=sealed.table.name, column=sealed.column.name, row=bound)
                fresh = ring.seal_bytes(plain, table=sealed.table.name, column=sealed.column.name, row=bound)
                session.execute(update(sealed.table).where(_primary(sealed.table) == key).values({name: fresh}))
            done += len(rows)
            tell(sealed.label, done)
        changed += done
    return changed


def rehash(engine: Engine, ring: KeyRing, *, tell: Tell = _silently, batch: int = BATCH) -> int:
    """Write the hash under the look-up key now in use into each second column; look-ups find either. Says how many were written."""
    changed = 0
    for lookup in lookup_columns():
        done, sealed = 0, lookup.sealed
        missing = and_(lookup.column.is_not(None), lookup.following.is_(None))
        for session, rows in _batches(engine, sealed.table, sealed.column, sealed.row, lookup.column, where=missing, batch=batch):
            for key, value, row, held in rows:
                plain = ring.open(value, table=sealed.table.name, column=sealed.column.name, row=UUID(str(row)))
                fresh = ring.lookup_hash(plain, kind=lookup.kind)
                if fresh != held:
                    session.execute(update(sealed.table).where(_primary(sealed.table) == key).values({lookup.following.name: fresh}))
                    done += 1
            tell(lookup.label, done)
        changed += done
    return changed


def settle_lookups(engine: Engine, ring: KeyRing, *, tell: Tell = _silently, batch: int = BATCH) -> int:
    """Let the second columns become the first and empty them; the old look-up key is needed by nobody afterwards. Says how many moved."""
    rehash(engine, ring, tell=tell, batch=batch)
    changed = 0
    for lookup in lookup_columns():
        done, table = 0, lookup.sealed.table
        for session, rows in _batches(engine, table, lookup.following, where=lookup.following.is_not(None), batch=batch):
            keys = [row[0] for row in rows]
            moved = {lookup.column.name: lookup.following, lookup.following.name: None}
            session.execute(update(table).where(_primary(table).in_(keys)).values(moved))
            done += len(rows)
            tell(lookup.label, done)
        changed += done
    return changed


def _batches(engine: Engine, table: Table, *columns: Column[Any], where: Any, batch: int) -> Iterator[tuple[Session, list[Any]]]:
    """Rows in order of their primary key, locked, a batch and a transaction at a time."""
    after: Any = None
    while True:
        with work(engine) as session:
            query = select(_primary(table), *columns).where(where).order_by(_primary(table)).limit(batch).with_for_update()
            rows = list(session.execute(query if after is None else query.where(_primary(table) > after)))
            if not rows:
                return
            yield session, rows
            after = rows[-1][0]


def _primary(table: Table) -> Column[Any]:
    (column,) = table.primary_key.columns
    return column


def _sealed_with(column: Column[Any], key_id: str) -> Any:
    start = sealed_start(key_id)
    return and_(column.is_not(None), func.substr(column, 1, len(start)) == literal(start, LargeBinary))
