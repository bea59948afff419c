"""The unit of work: the only place that commits, the hooks that run once it has, and the repeat when two of them clash."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.core.log import get_logger

log = get_logger(__name__)
_HOOKS = "fanka.after_commit"
_CLASHES = frozenset({"40P01", "40001"})
"""PostgreSQL's words for a deadlock and for a serialization failure: nothing of the transaction was kept."""
MOST_TRIES = 4
Made = TypeVar("Made")


class Unit(Session):
    """The session of one unit of work. The transaction is the unit's, on one connection that is opened when it is first needed."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(expire_on_commit=False)
        self._engine = engine
        self._opened: Connection | None = None

    def get_bind(self, *_args: object, **_wishes: object) -> Connection:
        """The unit's connection, inside the unit's transaction."""
        if self._opened is None:
            self._opened = self._engine.connect()
            self._opened.begin()
        return self._opened

    def keep(self) -> None:
        """Write what is still to be written and commit."""
        if self.in_transaction():
            self.commit()
        if self._opened is not None:
            self._opened.commit()

    def end(self) -> None:
        """Give the connection back; what was not kept is undone."""
        try:
            # A unit that sent nothing but hot statements has a session with nothing to forget.
            if self.in_transaction() or self._new or self.identity_map:
                self.close()
        finally:
            if self._opened is not None:
                self._opened.close()


def connection_of(session: Session) -> Connection:
    """The connection on which a session's transaction runs; a unit of work lends its own without beginning a session's transaction first."""
    return session.get_bind() if isinstance(session, Unit) and not session.in_transaction() else session.connection()


@contextmanager
def work(engine: Engine) -> Iterator[Session]:
    """One transaction: committed when the block ends, rolled back when it raises.

    Hooks given to `after_commit` run after the commit and only then; one that fails is logged and cannot undo what is already durable,
    so a hook may only wake something that a sweep would find anyway.
    """
    session = Unit(engine)
    hooks: list[Callable[[], object]] = []
    session.info[_HOOKS] = hooks
    try:
        yield session
        session.keep()
    finally:
        session.end()
    for hook in hooks:
        try:
            hook()
        except Exception as error:  # noqa: BLE001 - whatever a hook does, the work is done and the sweep will find it.
            log.warning("after_commit_failed", error=type(error).__name__)


def persistently(act: Callable[[], Made]) -> Made:
    """Do a whole unit of work, and again when the database ended it to let another one through; four times at most.

    Two rooms may need the same rows in another order: an order locks wallets and then its customer, a consent that joins two people locks
    the customers and then their wallets. `act` opens the transaction itself, so that each try begins with nothing.
    """
    for left in reversed(range(MOST_TRIES)):
        try:
            return act()
        except OperationalError as error:
            clash = getattr(error.orig, "sqlstate", None)
            if clash not in _CLASHES or not left:
                raise
            log.warning("work_repeated", clash=clash, left=left)
    raise AssertionError("the last try returns or raises")


@contextmanager
def reading(engine: Engine, *, timeout_ms: int | None = None) -> Iterator[Session]:
    """A read-only transaction, with a limit on each statement when `timeout_ms` is given."""
    with Session(engine, expire_on_commit=False) as session:
        session.execute(text("SET TRANSACTION READ ONLY"))
        if timeout_ms is not None:
            session.execute(text("SELECT set_config('statement_timeout', :ms, true)"), {"ms": str(int(timeout_ms))})
        yield session


def after_commit(session: Session, hook: Callable[[], object]) -> None:
    """Run `hook` once this session's unit of work has committed."""
    session.info[_HOOKS].append(hook)
