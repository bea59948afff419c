"""One question from the asking to the end: asked outside any transaction, and what comes back is brought in one, once for good."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import FankaError
from app.core.house import House
from app.core.log import get_logger
from app.core.nouns import BusinessUnit, Customer
from app.core.unit import persistently, work
from cards.crm.answer import MemberThere, believed, read_answer
from cards.crm.call import CrmError, ask
from cards.crm.questions import Asked, phone_of, put_off, settle
from cards.models.crm import QuestionState
from cards.models.membership import CardState, ImportedMember, MemberCard
from cards.old_numbers import tidy_old_number
from cards.phones import living_customer, lock_phone
from cards.vendor_import.bring import Target, bring

log = get_logger(__name__)
ACTOR = "crm"
LEAST_NUMBER = 6
"""An old card number proves its member only when it has this many signs."""


class _OvertakenError(Exception):
    """Somebody else settled, changed or dropped this question meanwhile: what was done here is undone."""


def fetch(house: House, asked: Asked) -> QuestionState | None:
    """Ask, and do what the answer says; the question's new state, or None when it was overtaken. Raises nothing for what a CRM does."""
    try:
        body = ask(house.settings, phone=asked.phone, asked_at=house.clock.now(), request_id=asked.request_id)
        there = None if body is None else read_answer(body)
        return persistently(lambda: _use(house, asked, there))
    except CrmError as error:
        return _put_off(house, asked, reason=error.reason, away=error.away)
    except FankaError as error:
        # What the house itself refuses of him, such as a sum no wallet holds.
        return _put_off(house, asked, reason=str(error.code), away=False)
    except IntegrityError:
        # Two numbers of one member, brought at one moment: the second one looks again.
        return _put_off(house, asked, reason="at_once", away=False)
    except _OvertakenError:
        log.info("crm_overtaken", question=asked.id)
        return None


def _use(house: House, asked: Asked, there: MemberThere | None) -> QuestionState:
    """Bring him and close the question in one transaction. The question's row comes last: doors and erasure lock it last as well."""
    with work(house.engine) as session:
        lock_phone(session, house.ring, asked.phone)
        card = session.get_one(MemberCard, asked.card_id)
        customer = living_customer(session, card.customer_id)
        if card.state != CardState.ACTIVE or customer.id != asked.customer_id or phone_of(house, customer) != asked.phone:
            raise CrmError("moved")
        if there is None:
            return _close(house, session, asked, QuestionState.NOBODY)
        person = believed(session, there, phone=asked.phone, programme_id=asked.programme_id, now=house.clock.now())
        target = Target(house.settings.crm_name, asked.programme_id, _unit(house, session), ACTOR)
        held = _brought_to(session, target, there.id)
        if held is not None:
            if held.id != customer.id:
                return _close(house, session, asked, QuestionState.PARKED, reason="brought_to_another")
            return _close(house, session, asked, QuestionState.KNOWN)
        if not asked.proved and not _proves(asked, there):
            return _close(house, session, asked, QuestionState.UNPROVED)
        done = bring(house, session, person, target=target, onto=card)
        detail = {"points": there.points, "value_fen": there.balance_fen, "coupons": done.coupons, "refused_coupons": done.refused_coupons}
        now = house.clock.now()
        note(session, at=now, actor=ACTOR, action="crm.brought", object_type="member_card", object_id=card.public_id, detail=detail)
        return _close(house, session, asked, QuestionState.BROUGHT, points=there.points)


def _unit(house: House, session: Session) -> int:
    """The unit that owes what is brought. Raises CrmError when the settings name none of ours."""
    found = session.scalar(select(BusinessUnit.id).where(BusinessUnit.name == house.settings.crm_unit))
    if found is None:
        raise CrmError("no_unit")
    return found


def _brought_to(session: Session, target: Target, external_id: str) -> Customer | None:
    """To whom a member of the CRM was brought before, by file or by question."""
    query = select(MemberCard.customer_id).join(ImportedMember, ImportedMember.card_id == MemberCard.id)
    known = session.scalar(
        query.where(
            ImportedMember.programme_id == target.programme_id,
            ImportedMember.vendor == target.vendor,
            ImportedMember.external_id == external_id,
        )
    )
    return None if known is None else living_customer(session, known)


def _proves(asked: Asked, there: MemberThere) -> bool:
    """Whether the number he typed is the old card's. A phone number that was only typed is joined to one card, so this is asked once."""
    number = tidy_old_number(there.card_number or "")
    return number is not None and len(number) >= LEAST_NUMBER and number == asked.number


def _close(
    house: House, session: Session, asked: Asked, state: QuestionState, *, reason: str | None = None, points: int | None = None
) -> QuestionState:
    if not settle(session, asked, state=state, now=house.clock.now(), reason=reason, points=points):
        raise _OvertakenError
    if reason is not None:
        log.warning("crm_refused", question=asked.id, reason=reason)
    return state


def _put_off(house: House, asked: Asked, *, reason: str, away: bool) -> QuestionState | None:
    log.warning("crm_put_off", question=asked.id, reason=reason, tries=asked.tries)
    with work(house.engine) as session:
        return put_off(session, asked, reason=reason, away=away, now=house.clock.now())
