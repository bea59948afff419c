"""What the card page offers to do today, where a rule rewards it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.core.clock import business_day
from app.web.h5.door import Door, Member
from cards.activities import CHECKED_IN, REFERRED, checked_in_on
from cards.rulebook import rules_at


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """What the card page says of check-ins: whether it was done today, and the days in a row that makes."""

    done: bool
    streak: int


def check_in_of(session: Session, door: Door, member: Member) -> CheckedIn | None:
    """A member's check-in as it stands; None where no rule rewards it."""
    if not rules_at(session, programme_id=member.programme.id, at=door.now, hears=CHECKED_IN):
        return None
    done, streak = checked_in_on(session, customer_id=member.customer.id, programme_id=member.programme.id, day=business_day(door.now))
    return CheckedIn(done, streak)


def may_invite(session: Session, door: Door, member: Member) -> bool:
    """Whether bringing a friend is rewarded at this moment."""
    return bool(rules_at(session, programme_id=member.programme.id, at=door.now, hears=REFERRED))
