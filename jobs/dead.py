"""Dead letters: an entry that failed alone five times is buried whole, listed, and can be replayed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.dead import DeadLetterRow
from app.core.errors import NotFoundError
from app.core.house import House
from app.core.ids import new_public_id
from app.core.inbox import Entry, RawEntry
from app.core.secrets import KeyRing
from app.core.unit import reading, work
from jobs.faults import blames_data
from jobs.ingest import record_batch


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What may be shown of a dead letter: never its words."""

    id: int
    stream_id: str
    reason: str
    buried_at: datetime
    replays: int
    replayed_at: datetime | None


def bury(session: Session, raw: RawEntry, *, ring: KeyRing, reason: str, now: datetime) -> None:
    """Keep an entry that cannot be recorded; burying it twice changes nothing."""
    row = new_public_id()
    sealed = ring.seal(raw.raw.decode("latin-1"), table="dead_letter", column="entry", row=row)
    values = {"stream_id": raw.stream_id, "entry": sealed, "entry_id": str(row), "reason": reason[:200], "buried_at": now, "replays": 0}
    session.execute(pg_insert(DeadLetterRow).values(values).on_conflict_do_nothing(index_elements=["stream_id"]))


def list_dead(session: Session, *, limit: int = 100, after_id: int = 0, replayed: bool = False) -> list[DeadLetter]:
    """Dead letters in the order of their burial; those already replayed only when asked for."""
    query = select(DeadLetterRow).where(DeadLetterRow.id > after_id).order_by(DeadLetterRow.id).limit(limit)
    if not replayed:
        query = query.where(DeadLetterRow.replayed_at.is_(None))
    return [DeadLetter(row.id, row.stream_id, row.reason, row.buried_at, row.replays, row.replayed_at) for row in session.scalars(query)]


def replay(house: House, letter_id: int) -> bool:
    """Try a dead letter again. True when it is recorded now (or was all along), False when it still fails; it then stays.

    Raises NotFoundError for an unknown id, and whatever a part that is away raises.
    """
    try:
        with work(house.engine) as session:
            row = _locked(session, letter_id)
            raw = house.ring.open(row.entry, table="dead_letter", column="entry", row=UUID(row.entry_id)).encode("latin-1")
            record_batch(session, [Entry.unpack(raw, row.stream_id)], house=house)
            row.replays += 1
            row.replayed_at = house.clock.now()
    except NotFoundError:
        raise
    except Exception as error:
        if not blames_data(error):
            raise
        with work(house.engine) as session:
            row = _locked(session, letter_id)
            row.replays += 1
            row.reason = type(error).__name__
        return False
    return True


def _locked(session: Session, letter_id: int) -> DeadLetterRow:
    row = session.get(DeadLetterRow, letter_id, with_for_update=True)
    if row is None:
        raise NotFoundError(f"there is no dead letter {letter_id}")
    return row


def replay_all(house: House, *, page: int = 500) -> tuple[int, int]:
    """Replay every letter that is still dead, `page` at a time; says how many came back to life and how many did not."""
    risen = left = last = 0
    while True:
        with reading(house.engine) as session:
            ids = [letter.id for letter in list_dead(session, limit=page, after_id=last)]
        if not ids:
            return risen, left
        last = ids[-1]
        for letter_id in ids:
            if replay(house, letter_id):
                risen += 1
            else:
                left += 1
