"""Statements of the hot path: prepared once per connection and sent past SQLAlchemy's execution, inside the session's own transaction."""

import itertools
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg import errors, generators
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core.unit import connection_of

Value = str | int | bool | datetime | UUID | None
"""What may be bound. The words of the statement say its type with a CAST."""
Row = tuple[bytes | None, ...]
"""A row as the server writes it: text, or None for NULL."""
_GOOD = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)
_numbers = itertools.count(1)


class HotStatement:
    """One statement with `:name` parameters, for what a till sends thousands of times a second.

    SQLAlchemy's execution costs such a statement more than the database does. Here the session lends its connection and nothing else: the
    transaction, the pool, and the errors (`sqlalchemy.exc`) are the session's. Listeners on SQLAlchemy's cursors do not hear it.
    """

    def __init__(self, words: str) -> None:
        self.text = " ".join(words.split())
        self._names = tuple(dict.fromkeys(re.findall(r"(?<!:):(\w+)", self.text)))
        numbered = re.sub(r"(?<!:):(\w+)", lambda found: f"${self._names.index(found[1]) + 1}", self.text)
        self._sent, self._name = numbered.encode(), b"fanka_%d" % next(_numbers)
        self._key = (self._sent, (0,))

    def row(self, session: Session, bound: Mapping[str, Value]) -> Row | None:
        """Execute and hand back the first row, or None when there is none. Raises what SQLAlchemy would, and KeyError for what is not bound."""
        return send(session, (self, bound))[0]

    def values(self, bound: Mapping[str, Value]) -> list[bytes | None]:
        """What is bound, in the order of the statement's parameters. Raises KeyError for what is not bound."""
        return [_written(bound[name]) for name in self._names]

    def put(self, driver: psycopg.Connection, values: list[bytes | None]) -> bool:
        """Put the statement on the wire; says whether it had to be prepared first, which then answers too."""
        # In the driver's own book, because the driver deallocates every prepared statement after a rollback, and the oldest when there are many.
        known = driver._prepared._names  # noqa: SLF001 - it offers no other way to hear of that.
        fresh = self._key not in known
        if fresh:
            driver.pgconn.send_prepare(self._name, self._sent)
        else:
            known.move_to_end(self._key)
        driver.pgconn.send_query_prepared(self._name, values)
        return fresh

    def prepared(self, driver: psycopg.Connection) -> None:
        """The server has prepared it."""
        driver._prepared._names[self._key] = self._name  # noqa: SLF001 - see above.


_BEGIN = HotStatement("BEGIN")


def send(session: Session, *what: tuple[HotStatement, Mapping[str, Value]]) -> list[Row | None]:
    """Execute statements one after the other, sent in one go; the first row of each, or None. One that fails keeps the later ones from running.

    Each has a snapshot of its own, so a later one sees what an earlier one waited for. Raises what SQLAlchemy would.
    """
    connection = connection_of(session)
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection), "the house speaks to PostgreSQL through psycopg"
    try:
        results = _execute(driver, [(statement, statement.values(bound)) for statement, bound in what])
    except psycopg.Error as error:
        raise _told(connection, driver, error, " ; ".join(statement.text for statement, _ in what)) from error
    return [_first(result) for result in results]


def _execute(driver: psycopg.Connection, what: Sequence[tuple[HotStatement, list[bytes | None]]]) -> list[PGresult]:
    server = driver.pgconn
    begins = server.transaction_status == TransactionStatus.IDLE and not driver.autocommit
    server.enter_pipeline_mode()
    steps: list[tuple[HotStatement | None, bool]] = []
    if begins:
        steps += [(_BEGIN, False), (None, False)] if _BEGIN.put(driver, []) else [(None, False)]
    for statement, values in what:
        steps += [(statement, False)] if statement.put(driver, values) else []
        steps.append((statement, True))
    server.pipeline_sync()
    found: list[PGresult] = []
    for (sent, answers), result in zip(steps, _gathered(driver), strict=False):
        if result.status not in _GOOD:
            raise errors.error_from_result(result)
        if answers:
            found.append(result)
        elif sent is not None:
            sent.prepared(driver)
    if len(found) < len(what):
        raise errors.OperationalError("the connection is lost")
    return found


def _first(result: PGresult) -> Row | None:
    return tuple([result.get_value(0, column) for column in range(result.nfields)]) if result.ntuples else None


def _told(connection: Connection, driver: psycopg.Connection, error: psycopg.Error, words: str) -> BaseException:
    """The error as SQLAlchemy says it; a connection that is gone is gone for the pool too."""
    lost = driver.closed or driver.broken
    if lost:
        connection.invalidate(error)
    return DBAPIError.instance(words, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=lost)


def _gathered(driver: psycopg.Connection) -> list[PGresult]:
    """The results of what was sent in one go, when all of them are there."""
    try:
        if driver.pgconn.flush():
            # More than the socket takes at once.
            driver.wait(generators.send(driver.pgconn))
        found = list(iter(lambda: _next(driver), None))
    except BaseException:
        # Nobody could say what this connection has answered and what it has not.
        driver.pgconn.finish()
        raise
    driver.pgconn.exit_pipeline_mode()
    return found


def _next(driver: psycopg.Connection) -> PGresult | None:
    """The next result, or None after the last."""
    server = driver.pgconn
    while True:
        result: PGresult | None = driver.wait(generators.fetch(server)) if server.is_busy() else server.get_result()
        if result is not None:
            return None if result.status == ExecStatus.PIPELINE_SYNC else result
        if server.status == ConnStatus.BAD:
            raise errors.OperationalError("the connection is lost")


def _written(value: Value) -> bytes | None:
    """A value as the server reads it."""
    if value is None:
        return None
    if isinstance(value, str):
        if "\0" in value:
            raise errors.DataError("a text of PostgreSQL holds no NUL")
        return value.encode()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database")
        return value.isoformat().encode()
    if isinstance(value, bool):
        return b"t" if value else b"f"
    return str(value).encode()
