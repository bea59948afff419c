"""What the group's CRM is to be asked: one question for each card, kept until it is answered."""

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment, row_id
from app.core.ids import new_public_id


class QuestionState(enum.StrEnum):
    WAITING = "waiting"
    """To be asked, for the first time or again."""
    BROUGHT = "brought"
    """He was found there, and what he had is here."""
    KNOWN = "known"
    """He was found there and had been brought before."""
    NOBODY = "nobody"
    UNPROVED = "unproved"
    """He was found there, but whoever typed his number did not prove to be him: the counter decides."""
    PARKED = "parked"
    """Asked in vain too often, or answered with something a person has to look at."""


class CrmQuestion(Base):
    """Whether the CRM knows the member of a card. The phone is not kept here: it is read from its customer when the question is put."""

    __tablename__ = "crm_question"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'brought', 'known', 'nobody', 'unproved', 'parked')", name="state"),
        CheckConstraint("tries >= 0 AND turn >= tries", name="tries"),
        CheckConstraint("(state = 'waiting') = (settled_at IS NULL)", name="settled"),
        Index("ix_crm_question_due", "run_after", "id", postgresql_where="state = 'waiting'"),
        Index("ix_crm_question_trouble", "id", postgresql_where="reason IS NOT NULL"),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    card_id: Mapped[int] = mapped_column(ForeignKey("member_card.id"), unique=True)
    proved: Mapped[bool] = mapped_column(Boolean)
    """Whether he was proved to hold the phone: by WeChat's authorisation or before a clerk's eyes."""
    number_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The number of his old card, when he typed one: together with the phone it proves him."""
    state: Mapped[QuestionState] = mapped_column(String(8), default=QuestionState.WAITING)
    created_at: Mapped[datetime] = mapped_column(Moment)
    run_after: Mapped[datetime] = mapped_column(Moment)
    """When it is due; while it is being asked, the end of the asker's lease."""
    tries: Mapped[int] = mapped_column(Integer, default=0)
    turn: Mapped[int] = mapped_column(Integer, default=0)
    """Climbs whenever it is taken or changed: an answer to an older turn settles nothing."""
    tried_at: Mapped[datetime | None] = mapped_column(Moment)
    away: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether the last try found nobody at home: then the others wait a little too."""
    reason: Mapped[str | None] = mapped_column(String(80))
    """Why the last try changed nothing, as a code without anything personal."""
    points: Mapped[int | None] = mapped_column(BigInteger)
    """Points that were brought."""
    settled_at: Mapped[datetime | None] = mapped_column(Moment)
