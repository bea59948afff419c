"""A payment from the balance over a set amount is the customer's own: he shows his fresh code, or agrees on his phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.nouns import Store
from app.core.secrets import KeyRing
from cards import codes
from cards.coupons.recognise import accept_moving
from cards.membership import card_of
from cards.models.programme import Programme
from cards.models.till_terms import ValueConsent, ValueTerms
from cards.phones import living_customer
from cards.refusals import RefusedError

CONFIRM_OVER_FEN = 200_00
"""Without a word of the programme: two hundred yuan, the amount up to which WeChat itself asks for no password at a counter."""
CONSENT_LIFE = timedelta(minutes=5)
MOST_ASKED = 3
"""Questions that wait on one phone at a time."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How a customer confirms: `seen` says that the counter has just read his moving code; else the code itself, or the answer he gave."""

    seen: bool = False
    code: str | None = None
    consent: UUID | None = None


NOTHING = Proof()


def limit_of(session: Session, programme_id: int) -> int:
    """The highest amount in fen that is taken without asking the customer."""
    row = session.get(ValueTerms, programme_id)
    return CONFIRM_OVER_FEN if row is None else row.confirm_over_fen


def set_limit(session: Session, programme: Programme, *, confirm_over_fen: int, actor: str, now: datetime) -> None:
    """Say over which amount the customer is asked; 0 asks him every time. Raises BadRequestError."""
    if not 0 <= confirm_over_fen <= 10**9:
        raise BadRequestError("金额超出范围 / the amount is out of range", code="bad_amount", status=422)
    session.merge(ValueTerms(programme_id=programme.id, confirm_over_fen=confirm_over_fen, changed_at=now))
    session.flush()
    detail = {"confirm_over_fen": confirm_over_fen}
    note(session, at=now, actor=actor, action="value.confirm_over", object_type="programme", object_id=programme.public_id, detail=detail)


def ask_consent(
    session: Session, *, programme_id: int, customer_id: int, store: Store, client_id: str, amount_fen: int, now: datetime
) -> ValueConsent:
    """Put the question on the customer's phone page, for five minutes. Raises ConflictError when several wait there already."""
    waiting = open_consents(session, customer_id=customer_id, now=now)
    if len(waiting) >= MOST_ASKED:
        raise ConflictError("顾客手机上已有待确认的付款 / payments already wait on the customer's phone", code="consents_waiting")
    made = ValueConsent(
        programme_id=programme_id,
        customer_id=customer_id,
        store_id=store.id,
        client_id=client_id[:64],
        amount_fen=amount_fen,
        asked_at=now,
        expires_at=now + CONSENT_LIFE,
    )
    session.add(made)
    session.flush()
    return made


def open_consents(session: Session, *, customer_id: int, now: datetime) -> Sequence[tuple[ValueConsent, str]]:
    """What waits for a customer's answer, the oldest first, each with the name of its store."""
    query = select(ValueConsent, Store.name).join(Store, Store.id == ValueConsent.store_id)
    query = query.where(ValueConsent.customer_id == customer_id, ValueConsent.state == "asked", ValueConsent.expires_at > now)
    return [(row[0], row[1]) for row in session.execute(query.order_by(ValueConsent.id))]


def last_answered(session: Session, *, customer_id: int) -> int:
    """What the customer's latest answer was about, in fen; 0 when he gave none."""
    query = select(ValueConsent.amount_fen).where(ValueConsent.customer_id == customer_id, ValueConsent.answered_at.is_not(None))
    return session.scalar(query.order_by(ValueConsent.answered_at.desc(), ValueConsent.id.desc()).limit(1)) or 0


def answer_consent(session: Session, public_id: UUID, *, customer_id: int, agrees: bool, now: datetime) -> ValueConsent:
    """The customer answers, once. Another's question does not exist for him. Raises NotFoundError, ConflictError when it is answered or over."""
    mine = (ValueConsent.public_id == public_id, ValueConsent.customer_id == customer_id)
    if session.scalar(select(ValueConsent.id).where(*mine)) is None:
        raise NotFoundError("没有这笔待确认的付款 / there is no such payment", code="no_consent")
    into = "agreed" if agrees else "declined"
    moved = update(ValueConsent).where(*mine, ValueConsent.state == "asked", ValueConsent.expires_at > now)
    made = session.scalar(moved.values(state=into, answered_at=now).returning(ValueConsent.id))
    if made is None:
        raise ConflictError("这笔付款已处理或已超时，请店员重新发起 / it is answered already, or its time is over", code="consent_over")
    row = session.get_one(ValueConsent, made, populate_existing=True)
    detail = {"amount_fen": row.amount_fen}
    note(session, at=now, actor="customer", action=f"value.{into}", object_type="value_consent", object_id=public_id, detail=detail)
    return row


def read_consent(session: Session, public_id: UUID, *, client_id: str, now: datetime) -> tuple[ValueConsent, str]:
    """A question and its state as the till that asked reads it; one nobody answered in time is `expired`. Raises NotFoundError."""
    row = session.scalar(select(ValueConsent).where(ValueConsent.public_id == public_id, ValueConsent.client_id == client_id[:64]))
    if row is None:
        raise NotFoundError("没有这次询问 / there is no such question", code="no_consent")
    over = row.state in ("asked", "agreed") and row.expires_at <= now
    return row, "expired" if over else row.state


def check_confirmed(
    session: Session,
    ring: KeyRing,
    proof: Proof,
    *,
    customer_id: int,
    programme_id: int,
    amount_fen: int,
    client_id: str,
    now: datetime,
) -> str:
    """That the customer himself stands behind an amount; says how. A code or an answer given is used up, whatever the amount.

    Raises RefusedError: value_unconfirmed, and what a code that is stale or was seen elsewhere raises.
    """
    if proof.code is not None:
        moving = accept_moving(session, ring, codes.tidy(proof.code), client_id=client_id, now=now, spend=True)
        card = card_of(session, customer_id=living_customer(session, customer_id).id, programme_id=programme_id)
        if moving.kind == codes.MEMBER and card is not None and moving.subject == int(card.number):
            return "code"
        raise RefusedError("value_unconfirmed")
    if proof.consent is not None:
        used = update(ValueConsent).where(
            ValueConsent.public_id == proof.consent,
            ValueConsent.customer_id == customer_id,
            ValueConsent.programme_id == programme_id,
            ValueConsent.client_id == client_id[:64],
            ValueConsent.amount_fen >= amount_fen,
            ValueConsent.state == "agreed",
            ValueConsent.expires_at > now,
        )
        if session.scalar(used.values(state="used").returning(ValueConsent.id)) is not None:
            return "consent"
        raise RefusedError("value_unconfirmed")
    if proof.seen:
        return "seen"
    limit = limit_of(session, programme_id)
    if amount_fen > limit:
        raise RefusedError("value_unconfirmed", told={"confirm_over_fen": limit})
    return "small"
