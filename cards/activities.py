"""What members do that is no purchase: check in, bring a friend, and whatever else a rule rewards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.clock import business_day
from app.core.errors import BadRequestError, NotFoundError
from app.core.facts import Fact, FactRow, record
from app.core.nouns import Customer
from app.core.registry import Registry
from cards.award import Awarded, award
from cards.ledger.wallets import lock_wallets, open_wallet
from cards.membership import card_of
from cards.models.earning import CheckIn
from cards.models.membership import CardState, MemberCard
from cards.models.programme import Programme
from cards.occasion import Occasion
from cards.phones import living_customer
from cards.tiers import requalify

CHECKED_IN = "member.checked_in"
REFERRED = "member.referred"
_CHECK_IN = table_of(CheckIn)


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """A day's check-in, the days in a row it made and the points it gave. `fresh` is False when it was done already."""

    day: date
    streak: int
    points: int
    fresh: bool


def check_in(session: Session, *, customer_id: int, programme_id: int, registry: Registry, actor: str, now: datetime) -> CheckedIn:
    """Check a member in for today (Asia/Shanghai), once. Raises NotFoundError for somebody without a card."""
    _member(session, customer_id, programme_id)
    day = business_day(now)
    lock_wallets(session, [open_wallet(session, customer_id=customer_id, programme_id=programme_id)])
    yesterday = session.get(CheckIn, (customer_id, programme_id, day - timedelta(days=1)))
    streak = 1 if yesterday is None else yesterday.streak + 1
    row = {"customer_id": customer_id, "programme_id": programme_id, "day": day, "streak": streak, "at": now}
    made = session.scalar(pg_insert(_CHECK_IN).values(row).on_conflict_do_nothing().returning(_CHECK_IN.c.streak))
    if made is None:
        known = session.get_one(CheckIn, (customer_id, programme_id, day))
        return CheckedIn(day, known.streak, 0, fresh=False)
    programme = session.get_one(Programme, programme_id)
    person = session.get_one(Customer, customer_id)
    key = f"checkin:{programme.public_id}:{person.public_id}:{day.isoformat()}"
    occasion = Occasion(key, CHECKED_IN, now, day, customer_id, reason=f"签到第 {streak} 天", streak=streak)
    given = award(session, occasion, programme=programme, actor=actor, now=now)
    _lift(session, given, programme_id=programme_id, registry=registry, now=now)
    fact = Fact(key=key, kind=CHECKED_IN, occurred_at=now, data={"day": day.isoformat(), "streak": streak}, customer_id=customer_id)
    record(session, [fact], registry=registry, now=now)
    return CheckedIn(day, streak, sum(each.points for each in given), fresh=True)


def checked_in_on(session: Session, *, customer_id: int, programme_id: int, day: date) -> tuple[bool, int]:
    """Whether a member has checked in on a day, and the days in a row up to it, or up to the day before."""
    today = session.get(CheckIn, (customer_id, programme_id, day))
    before = today or session.get(CheckIn, (customer_id, programme_id, day - timedelta(days=1)))
    return today is not None, 0 if before is None else before.streak


def refer(
    session: Session, *, newcomer_id: int, friend_id: int, programme_id: int, registry: Registry, actor: str, now: datetime
) -> list[Awarded]:
    """Say who brought a new member; both sides get what the rules give, once for every newcomer.

    Raises BadRequestError for somebody who brings himself or who was here before his friend, NotFoundError for somebody without a card.
    """
    newcomer, friend = living_customer(session, newcomer_id), living_customer(session, friend_id)
    cards = [_member(session, person.id, programme_id) for person in (newcomer, friend)]
    if newcomer.id == friend.id:
        raise BadRequestError("不能邀请自己 / nobody brings himself", code="self_referral", status=422)
    if cards[0].opened_at < cards[1].opened_at:
        raise BadRequestError("被邀请的人入会更早 / the newcomer was a member first", code="not_a_newcomer", status=422)
    programme = session.get_one(Programme, programme_id)
    key = f"referral:{programme.public_id}:{newcomer.public_id}"
    data = {"friend": str(friend.public_id)}
    fact = Fact(key=key, kind=REFERRED, occurred_at=now, data=data, customer_id=newcomer.id)
    # The points come before the fact: wallets are locked before customers everywhere.
    occasion = Occasion(key, REFERRED, now, business_day(now), newcomer.id, reason="邀请好友", other_id=friend.id, data=data)
    wallets = [open_wallet(session, customer_id=person, programme_id=programme_id) for person in sorted((newcomer.id, friend.id))]
    lock_wallets(session, wallets)
    if _known(session, key):
        return []
    given = award(session, occasion, programme=programme, actor=actor, now=now)
    _lift(session, given, programme_id=programme_id, registry=registry, now=now)
    record(session, [fact], registry=registry, now=now)
    return given


def reward(session: Session, fact: Fact, *, registry: Registry, actor: str, now: datetime) -> list[Awarded]:
    """Give what the rules give for a fact on record, in every programme its customer is a member of. Twice gives nothing more."""
    if fact.customer_id is None:
        return []
    customer = living_customer(session, fact.customer_id)
    cards = session.scalars(
        select(MemberCard).where(MemberCard.customer_id == customer.id, MemberCard.state == CardState.ACTIVE).order_by(MemberCard.id)
    ).all()
    given: list[Awarded] = []
    for card in cards:
        if fact.data.get("programme_id") not in (None, card.programme_id):
            continue
        # The fact's key may be as long as a business key: its hash leaves room for the rule.
        key = f"fact:{sha256(fact.key.encode()).hexdigest()}"
        occasion = Occasion(
            key, fact.kind, fact.occurred_at, business_day(fact.occurred_at), customer.id, store=_store(fact), data=dict(fact.data)
        )
        fresh = award(session, occasion, programme=session.get_one(Programme, card.programme_id), actor=actor, now=now)
        _lift(session, fresh, programme_id=card.programme_id, registry=registry, now=now)
        given += fresh
    return given


def _lift(session: Session, given: Sequence[Awarded], *, programme_id: int, registry: Registry, now: datetime) -> None:
    """Whoever was given points may have reached a better tier by them, at once."""
    for customer_id in sorted({each.customer_id for each in given}):
        requalify(session, customer_id=customer_id, programme_id=programme_id, registry=registry, now=now)


def _member(session: Session, customer_id: int, programme_id: int) -> MemberCard:
    card = card_of(session, customer_id=customer_id, programme_id=programme_id)
    if card is None:
        raise NotFoundError("还不是会员 / not a member yet", code="no_card")
    return card


def _known(session: Session, key: str) -> bool:
    return session.scalar(select(FactRow.id).where(FactRow.key == key)) is not None


def _store(fact: Fact) -> UUID | None:
    try:
        return UUID(str(fact.data.get("store")))
    except ValueError:
        return None
