"""Days on which a programme greets its members."""

from datetime import date, datetime

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError
from cards.models.lifecycle import FestivalDay
from cards.models.programme import Programme


def set_festival(session: Session, programme: Programme, *, day: date, words: str, words_en: str, actor: str, now: datetime) -> None:
    """Greet members on a day in these words, in place of others; no words take the greeting back. Raises BadRequestError."""
    said = {"words": words.strip(), "words_en": words_en.strip()}
    if len(said["words"]) > 100 or len(said["words_en"]) > 200 or not all(text.isprintable() for text in said.values()):
        raise BadRequestError("祝福最多 100 个字, 不换行 / a greeting has at most 100 characters in one line", code="bad_words")
    if said["words"]:
        row = pg_insert(table_of(FestivalDay)).values(programme_id=programme.id, day=day, **said)
        session.execute(row.on_conflict_do_update(index_elements=["programme_id", "day"], set_=said))
    else:
        session.execute(delete(FestivalDay).where(FestivalDay.programme_id == programme.id, FestivalDay.day == day))
    detail = {"day": day.isoformat(), "words": said["words"]}
    note(session, at=now, actor=actor, action="festival.set", object_type="programme", object_id=programme.public_id, detail=detail)
