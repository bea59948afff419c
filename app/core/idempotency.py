"""A writing call made twice is answered once: the key is the first row of the business transaction, before every other check."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, Integer, String, delete, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.bulk import table_of
from app.core.db import Base, Moment
from app.core.errors import BadRequestError, ConflictError, FankaError
from app.core.house import House
from app.core.unit import persistently, work

KEPT = timedelta(hours=24)
"""At least so long: the night forgets what is older."""
LONGEST_KEY = 64
TWIN_WAIT_MS = 2000


class IdempotencyRow(Base):
    """One writing call of one client: what it asked, as a hash, and what it was answered."""

    __tablename__ = "idempotency"
    __table_args__ = (Index("ix_idempotency_created_at", "created_at"),)

    client_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(Moment)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered: an HTTP status and a JSON body. `hit` when it was answered before."""

    status: int
    body: Mapping[str, Any]
    hit: bool = False


_ROW = table_of(IdempotencyRow)


def answer_once(
    house: House,
    *,
    client_id: str,
    key: str,
    body: bytes,
    act: Callable[[Session], Answer],
    refuse: Callable[[Session, FankaError], Mapping[str, Any]],
) -> Answer:
    """Run `act` in one transaction under an idempotency key, or give the answer it got before.

    A refusal (a FankaError below 500) rolls back to the savepoint before `act`; `refuse` then writes what must be kept of the attempt and says the
    body of the answer, and both are committed. Anything else rolls everything back, so nothing is stored and the call may be made again; a
    deadlock with somebody else's work is repeated here, `act` and all.

    Raises BadRequestError for a malformed key, ConflictError (422 `key_reused`) for another body under the same key and (409 `in_progress`)
    when a twin of this call is still running after two seconds.
    """
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise BadRequestError(f"Idempotency-Key has 1 to {LONGEST_KEY} printable ASCII characters", code="bad_idempotency_key")

    def once() -> Answer:
        with work(house.engine) as session:
            known = _claim(session, client_id=client_id, key=key, body=body, now=house.clock.now())
            if known is not None:
                return known
            try:
                with session.begin_nested():
                    answer = act(session)
            except FankaError as error:
                if error.status >= 500:
                    raise
                answer = Answer(error.status, refuse(session, error))
            stored = update(_ROW).where(_ROW.c.client_id == client_id, _ROW.c.key == key)
            session.execute(stored.values(status=answer.status, answer=dict(answer.body)))
            return answer

    try:
        return persistently(once)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") == "55P03":
            raise ConflictError("the same call is still being worked on", code="in_progress") from error
        raise


def forget_old_keys(session: Session, *, now: datetime) -> int:
    """Drop the answers of calls older than 24 hours; says how many."""
    gone = session.execute(delete(_ROW).where(_ROW.c.created_at < now - KEPT))
    return int(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE answers with a cursor result.


def _claim(session: Session, *, client_id: str, key: str, body: bytes, now: datetime) -> Answer | None:
    """Insert the key, waiting a little for a twin. None when this call is the first."""
    digest = hashlib.sha256(body).hexdigest()
    session.execute(text("SELECT set_config('lock_timeout', :ms, true)"), {"ms": str(TWIN_WAIT_MS)})
    row = {"client_id": client_id[:64], "key": key, "body_hash": digest, "created_at": now}
    made = session.scalar(pg_insert(_ROW).values(row).on_conflict_do_nothing().returning(_ROW.c.key))
    session.execute(text("SELECT set_config('lock_timeout', '0', true)"))
    if made is not None:
        return None
    held = session.get_one(IdempotencyRow, (client_id[:64], key), populate_existing=True)
    if held.body_hash != digest:
        raise ConflictError("this Idempotency-Key was used with another body", code="key_reused", status=422)
    assert held.status is not None
    return Answer(held.status, held.answer or {}, hit=True)
