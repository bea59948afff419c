"""Dead letters: inbox entries that failed alone five times, kept whole until somebody replays them."""

from datetime import datetime

from sqlalchemy import Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id


class DeadLetterRow(Base):
    """One entry that could not be recorded. `entry` is sealed: it may hold a customer's words."""

    __tablename__ = "dead_letter"

    id: Mapped[int] = row_id()
    stream_id: Mapped[str] = mapped_column(String(40), unique=True)
    """The entry's place in the stream; a second burial of the same entry changes nothing."""
    entry: Mapped[bytes] = mapped_column(LargeBinary, info={"sealed_row": "entry_id"})
    entry_id: Mapped[str] = mapped_column(String(36))
    """The UUID that the sealed entry is bound to."""
    reason: Mapped[str] = mapped_column(String(200))
    buried_at: Mapped[datetime] = mapped_column(Moment, index=True)
    replays: Mapped[int] = mapped_column(Integer, default=0)
    replayed_at: Mapped[datetime | None] = mapped_column(Moment)
