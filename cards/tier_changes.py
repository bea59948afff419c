"""A tier as it changes: the card's row, the change that is kept and the fact that tells the rooms above, all in one transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.facts import Fact, lock_customers, record
from app.core.ids import new_public_id
from app.core.registry import Registry
from cards.models.membership import CardState, MemberCard
from cards.models.tiers import ChangeWhy, GrantWay, Tier, TierChange, TierOverride
from cards.tier_periods import Place, place_of

UPGRADED, DOWNGRADED = "tier.upgraded", "tier.downgraded"


def read_ladder(session: Session, programme_id: int) -> Sequence[Tier]:
    """The tiers of a programme, the lowest first."""
    return session.scalars(select(Tier).where(Tier.programme_id == programme_id).order_by(Tier.rank)).all()


def lock_cards(session: Session, *, programme_id: int, customer_ids: Sequence[int]) -> list[MemberCard]:
    """The open cards of customers, locked in their order: who changes a tier waits here. Wallets come before it, and so do the customers themselves.

    An order has recorded its fact, and so holds its customer, before it asks for his card; the night must take both in the same order.
    """
    lock_customers(session, customer_ids)
    query = (
        select(MemberCard)
        .where(MemberCard.programme_id == programme_id, MemberCard.customer_id.in_(customer_ids), MemberCard.state == CardState.ACTIVE)
        .order_by(MemberCard.customer_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(query))


def open_override(session: Session, card_id: int) -> TierOverride | None:
    """The exception made by hand that has not been ended, or None; its end date may have come."""
    return next((each for each in open_grants(session, card_id) if each.way == GrantWay.HAND), None)


def open_grants(session: Session, card_id: int) -> list[TierOverride]:
    """Everything a card was given without earning it that has not been ended: by hand, bought, by invitation. Terms may lie ahead or be over."""
    query = select(TierOverride).where(TierOverride.card_id == card_id, TierOverride.ended_at.is_(None))
    return list(session.scalars(query.order_by(TierOverride.id).execution_options(populate_existing=True)))


def floor_of(ladder: Sequence[Tier], grants: Sequence[TierOverride], *, at: datetime) -> Place:
    """The best of what was bought or given by invitation and is good at a moment (UTC); nobody falls below it while it lasts."""
    alive = [each for each in grants if each.way != GrantWay.HAND and each.from_at <= at < each.ends_at]
    best = max(alive, key=lambda each: (place_of(ladder, each.tier_id), each.ends_at), default=None)
    return Place(None, None) if best is None else Place(best.tier_id, best.ends_at)


def not_below(ladder: Sequence[Tier], place: Place, floor: Place) -> Place:
    """A place, or the floor where that is higher."""
    return floor if place_of(ladder, floor.tier_id) > place_of(ladder, place.tier_id) else place


def move_card(
    session: Session,
    card: MemberCard,
    place: Place,
    *,
    ladder: Sequence[Tier],
    why: ChangeWhy,
    measured: int | None,
    actor: str,
    reason: str,
    registry: Registry,
    now: datetime,
) -> TierChange | None:
    """Put a locked card on a place. Another tier is a change and a fact; another date alone is neither."""
    if card.tier_id == place.tier_id:
        card.tier_until = place.until
        session.flush()
        return None
    change = TierChange(
        public_id=new_public_id(),
        card_id=card.id,
        from_tier_id=card.tier_id,
        to_tier_id=place.tier_id,
        why=why,
        measured=measured,
        actor=actor[:64],
        reason=reason[:200],
        at=now,
    )
    session.add(change)
    before, after = place_of(ladder, card.tier_id), place_of(ladder, place.tier_id)
    card.tier_id, card.tier_since, card.tier_until = place.tier_id, now, place.until
    session.flush()
    fact = Fact(
        key=f"tier:{change.public_id}",
        kind=UPGRADED if after > before else DOWNGRADED,
        occurred_at=now,
        data={
            "programme_id": card.programme_id,
            "from": ladder[before].name if before >= 0 else None,
            "to": ladder[after].name if after >= 0 else None,
            "why": why.value,
            "benefits": ladder[after].benefits if after >= 0 else "",
            "benefits_en": ladder[after].benefits_en if after >= 0 else "",
        },
        customer_id=card.customer_id,
    )
    record(session, [fact], registry=registry, now=now)
    return change
