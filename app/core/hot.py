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

    def row(self, session: Session, bound: Mapping[str, Value]) -> Row | None:
        """Execute and hand back the first row, or None when there is none. Raises what SQLAlchemy would, and KeyError for what is not bound."""
        connection = connection_of(session)
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection), "the house speaks to PostgreSQL through psycopg"
        try:
            values = [_written(bound[name]) for name in self._names]
            result = self._execute(driver, values)
        except psycopg.Error as error:
            raise self._told(connection, driver, error) from error
        if not result.ntuples:
            return None
        return tuple([result.get_value(0, column) for column in range(result.nfields)])

    def _execute(self, driver: psycopg.Connection, values: list[bytes | None]) -> PGresult:
        server = driver.pgconn
        begins = server.transaction_status == TransactionStatus.IDLE and not driver.autocommit
        # In the driver's own book, because the driver deallocates every prepared statement after a rollback, and the oldest when there are many.
        prepared, key = driver._prepared._names, (self._sent, (0,))  # noqa: SLF001 - it offers no other way to hear of that.
        if key in prepared and not begins:
            server.send_query_prepared(self._name, values)
            return _good(driver.wait(generators.execute(server))[-1:])
        if key in prepared:
            prepared.move_to_end(key)
        server.enter_pipeline_mode()
        if begins:
            server.send_query_params(b"BEGIN", [])
        if key not in prepared:
            server.send_prepare(self._name, self._sent)
        server.send_query_prepared(self._name, values)
        server.pipeline_sync()
        results = _gathered(driver)
        if key not in prepared and len(results) > begins and results[int(begins)].status == ExecStatus.COMMAND_OK:
            prepared[key] = self._name
        return _good(results)

    def _told(self, connection: Connection, driver: psycopg.Connection, error: psycopg.Error) -> BaseException:
        """The error as SQLAlchemy says it; a connection that is gone is gone for the pool too."""
        lost = driver.closed or driver.broken
        if lost:
            connection.invalidate(error)
        return DBAPIError.instance(self.text, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=lost)


def _gathered(driver: psycopg.Connection) -> list[PGresult]:
    """The results of what was sent in one go, when all of them are there."""
    try:
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


def _good(results: Sequence[PGresult]) -> PGresult:
    """The last result, when all are good. The first that is not is the reason; those after it were not executed."""
    for result in results:
        if result.status not in _GOOD:
            raise errors.error_from_result(result)
    return results[-1]


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
