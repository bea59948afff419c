"""A member's profile: his name beside his birthday, and the reward for a full one, given once."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.clock import business_day
from app.core.errors import BadRequestError
from app.core.facts import Fact, FactRow, record
from app.core.nouns import Customer
from app.core.registry import Registry
from app.core.secrets import KeyRing
from cards.models.membership import MemberCard
from cards.occasion import Occasion
from cards.rulebook import LiveRule

COMPLETED = "form.completed"
FORM = "profile"
MOST = 32


def know_name(session: Session, ring: KeyRing, customer: Customer, *, written: str, actor: str, now: datetime) -> bool:
    """Seal what a member wants to be called; says whether that was news. Raises BadRequestError."""
    name = " ".join(written.split())
    if not 1 <= len(name) <= MOST or not name.isprintable():
        raise BadRequestError(f"称呼为 1 到 {MOST} 个字 / a name has 1 to {MOST} characters", code="bad_name", status=422)
    held = customer.name_sealed
    if held is not None and ring.open(held, table="customer", column="name_sealed", row=customer.public_id) == name:
        return False
    customer.name_sealed = ring.seal(name, table="customer", column="name_sealed", row=customer.public_id)
    session.flush()
    note(session, at=now, actor=actor, action="customer.name_set", object_type="customer", object_id=customer.public_id, detail={})
    return True


def is_full(card: MemberCard, customer: Customer) -> bool:
    """Whether name, birthday and phone are known."""
    return customer.name_sealed is not None and card.birthday_sealed is not None and customer.phone_sealed is not None


def complete_profile(session: Session, card: MemberCard, *, customer: Customer, registry: Registry, now: datetime) -> bool:
    """Put on record that a profile has become full, once for every card; the rules reward it. Says whether it has just become so."""
    if not is_full(card, customer):
        return False
    data = {"form": FORM, "programme_id": card.programme_id}
    fact = Fact(_key(card), COMPLETED, now, data, customer_id=customer.id)
    return bool(record(session, [fact], registry=registry, now=now))


def reward_for_profile(session: Session, card: MemberCard, rules: Sequence[LiveRule]) -> int:
    """The points a full profile would still bring; 0 when it brought them, or no rule gives any."""
    if session.scalar(select(FactRow.id).where(FactRow.key == _key(card))) is not None:
        return 0
    now = card.opened_at
    occasion = Occasion(_key(card), COMPLETED, now, business_day(now), card.customer_id, data={"form": FORM})
    return sum(prize.points for rule in rules for prize in rule.kind.award(rule.params, occasion))


def _key(card: MemberCard) -> str:
    return f"profile:{card.public_id}"
