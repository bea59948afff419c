"""Questions to the CRM as rows: kept with the card, taken under a lease, settled once, put off with patience, forgotten with the customer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.house import House
from app.core.ids import new_public_id
from app.core.nouns import Customer
from app.core.unit import after_commit
from cards.membership import card_of
from cards.models.crm import CrmQuestion, QuestionState
from cards.models.membership import MemberCard
from cards.old_numbers import tidy_old_number
from cards.phones import living_customer

JOB = "jobs.crm.ask_due"
LEASE = timedelta(seconds=15)
PAUSE = timedelta(seconds=15)
"""How long nobody is asked for after nobody was at home: a CRM that is down costs one wait of three seconds in fifteen."""
MOST_TRIES = 20
_LONGEST = timedelta(hours=6)
_ASK = table_of(CrmQuestion)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question taken under a lease, with all that is needed to put it outside a transaction."""

    id: int
    turn: int
    tries: int
    request_id: str
    card_id: int
    programme_id: int
    customer_id: int
    phone: str
    proved: bool
    number: str | None


def wonder(house: House, session: Session, card: MemberCard, *, proved: bool, number: str = "") -> bool:
    """Keep the question whether the CRM knows the member of a card, and have it asked once this transaction has committed.

    `proved` says that he was proved to hold the phone; `number` is the old card's number that he typed. The last thing a door does with the
    card: the row is locked after everything else of the member. A question that was answered for good stays answered. Says whether one waits.
    """
    if house.settings.crm_url is None:
        return False
    now, public_id, typed = house.clock.now(), new_public_id(), tidy_old_number(number)
    row = {
        "public_id": public_id,
        "card_id": card.id,
        "proved": proved,
        "number_sealed": None if typed is None else house.ring.seal(typed, table=_ASK.name, column="number_sealed", row=public_id),
        "state": QuestionState.WAITING,
        "created_at": now,
        "run_after": now,
        "tries": 0,
        "turn": 0,
        "away": False,
    }
    again = {
        "state": QuestionState.WAITING,
        "proved": _ASK.c.proved | proved,
        "number_sealed": None,
        "run_after": now,
        "tries": 0,
        "turn": _ASK.c.turn + 1,
        "reason": None,
        "settled_at": None,
    }
    open_again = or_(
        _ASK.c.state.in_((QuestionState.NOBODY, QuestionState.PARKED)),
        _ASK.c.state.in_((QuestionState.WAITING, QuestionState.UNPROVED)) & ~_ASK.c.proved & proved,
    )
    put = pg_insert(_ASK).values(row).on_conflict_do_update(index_elements=["card_id"], set_=again, where=open_again).returning(_ASK.c.id)
    if session.scalar(put) is None:
        return False
    after_commit(session, lambda: house.queues.wake("urgent", JOB))
    return True


def take(house: House, session: Session) -> Asked | None:
    """Take the question that is due longest under a lease, or None. One whose customer has no phone any more is dropped."""
    now = house.clock.now()
    if session.scalar(select(exists().where(_waits(), CrmQuestion.away, CrmQuestion.tried_at > now - PAUSE))):
        return None
    query = select(CrmQuestion).where(_waits(), CrmQuestion.run_after <= now).order_by(CrmQuestion.run_after, CrmQuestion.id).limit(1)
    while (row := session.scalar(query.with_for_update(skip_locked=True))) is not None:
        card = session.get_one(MemberCard, row.card_id)
        customer = living_customer(session, card.customer_id)
        living = card_of(session, customer_id=customer.id, programme_id=card.programme_id)
        phone = phone_of(house, customer)
        if phone is None or living is None:
            session.delete(row)
            session.flush()
            continue
        row.tries, row.turn = row.tries + 1, row.turn + 1
        row.tried_at, row.run_after, row.away = now, now + LEASE, False
        session.flush()
        number = None
        if row.number_sealed is not None:
            number = house.ring.open(row.number_sealed, table=_ASK.name, column="number_sealed", row=row.public_id)
        request = f"{row.public_id}-{row.turn}"
        return Asked(row.id, row.turn, row.tries, request, living.id, card.programme_id, customer.id, phone, row.proved, number)
    return None


def phone_of(house: House, customer: Customer) -> str | None:
    """A living customer's number; None when he has none or was forgotten."""
    if customer.phone_sealed is None or customer.erased_at is not None:
        return None
    return house.ring.open(customer.phone_sealed, table="customer", column="phone_sealed", row=customer.public_id)


def settle(
    session: Session, asked: Asked, *, state: QuestionState, now: datetime, reason: str | None = None, points: int | None = None
) -> bool:
    """Close a question, if this turn is still its last; says whether it is. When it is not, the caller must undo what he did."""
    values = {"state": state, "settled_at": now, "reason": reason, "points": points, "number_sealed": None, "away": False}
    return _change(session, asked, values)


def put_off(session: Session, asked: Asked, *, reason: str, away: bool, now: datetime) -> QuestionState | None:
    """Ask again later, each time after a longer while; after twenty tries a person has to look. The new state, None when overtaken."""
    if asked.tries >= MOST_TRIES:
        done = settle(session, asked, state=QuestionState.PARKED, now=now, reason=reason)
        return QuestionState.PARKED if done else None
    wait = min(timedelta(seconds=10 * 2 ** (asked.tries - 1)), _LONGEST)
    done = _change(session, asked, {"run_after": now + wait, "reason": reason, "away": away})
    return QuestionState.WAITING if done else None


def _change(session: Session, asked: Asked, values: dict[str, object]) -> bool:
    mine = (_ASK.c.id == asked.id, _ASK.c.turn == asked.turn, _ASK.c.state == QuestionState.WAITING)
    return session.scalar(update(_ASK).where(*mine).values(values).returning(_ASK.c.id)) is not None


def _waits() -> ColumnElement[bool]:
    return CrmQuestion.state == QuestionState.WAITING


def is_due(session: Session, *, now: datetime) -> bool:
    """Whether any question is due."""
    return bool(session.scalar(select(exists().where(_waits(), CrmQuestion.run_after <= now))))


def question_of(session: Session, card: MemberCard) -> CrmQuestion | None:
    """The question that was kept for a card."""
    return session.scalar(select(CrmQuestion).where(CrmQuestion.card_id == card.id))


def forget_questions(session: Session, *, customer_id: int) -> None:
    """A customer who was forgotten has no number to ask for: his questions go."""
    forgotten = select(MemberCard.id).join(Customer, Customer.id == MemberCard.customer_id)
    session.execute(delete(_ASK).where(_ASK.c.card_id.in_(forgotten.where(Customer.id == customer_id, Customer.phone_sealed.is_(None)))))


@dataclass(frozen=True, slots=True)
class Standing:
    """How the questions stand: how many in each state, and those that meet with trouble, oldest first."""

    counts: dict[str, int]
    trouble: Sequence[CrmQuestion]


def standing(session: Session, *, limit: int = 50) -> Standing:
    """How the questions stand, for `fanka crm status`."""
    counted = session.execute(select(CrmQuestion.state, func.count()).group_by(CrmQuestion.state)).all()
    counts = {str(state): 0 for state in QuestionState} | {str(state): number for state, number in counted}
    trouble = session.scalars(select(CrmQuestion).where(CrmQuestion.reason.is_not(None)).order_by(CrmQuestion.id).limit(limit)).all()
    return Standing(counts, trouble)


def retry(house: House, session: Session, *, question: UUID | None, actor: str) -> int:
    """Ask again now: one question by its id, or all that were put off or parked; says how many. What was brought is never asked again."""
    now = house.clock.now()
    which: list[ColumnElement[bool]] = [_ASK.c.state.in_((QuestionState.WAITING, QuestionState.PARKED))]
    which.append(_ASK.c.reason.is_not(None) if question is None else _ASK.c.public_id == question)
    values = {
        "state": QuestionState.WAITING,
        "run_after": now,
        "tries": 0,
        "turn": _ASK.c.turn + 1,
        "away": False,
        "reason": None,
        "settled_at": None,
    }
    found = session.scalars(update(_ASK).where(*which).values(values).returning(_ASK.c.public_id)).all()
    if found:
        detail = {"questions": len(found)}
        note(session, at=now, actor=actor, action="crm.retried", object_type="crm_question", object_id=question or "all", detail=detail)
        after_commit(session, lambda: house.queues.wake("urgent", JOB))
    return len(found)
