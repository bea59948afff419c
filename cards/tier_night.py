"""The night's third step: periods that are over are judged, exceptions that are over end. It may run twice and be killed at any batch."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.house import House
from app.core.registry import Registry
from app.core.unit import reading, work
from cards.models.membership import CardState, MemberCard
from cards.models.tiers import ChangeWhy, GrantWay, Tier, TierRule
from cards.tier_changes import floor_of, lock_cards, move_card, not_below, open_grants, read_ladder
from cards.tier_periods import Place, place_at, place_of, rung_for, safe_until, span_now, span_upto, when_period_ends
from cards.tiers import measured_now

BATCH = 500
_MOST_PERIODS = 24
"""A member nobody has looked at for years is judged period by period, and no further back than this."""


def review_tiers(house: House, *, everyone: bool = False, batch: int = BATCH, tell: Callable[[int], None] = lambda _: None) -> int:
    """Judge every member whose period or exception is over, batch by batch in customer order; says how many cards changed tier.

    `everyone` also lifts whoever qualifies now: for the night after a rule was changed. `tell` hears the changes so far after each batch.
    """
    now, changed = house.clock.now(), 0
    with reading(house.engine) as session:
        programmes = list(session.scalars(select(TierRule.programme_id).order_by(TierRule.programme_id)))
    for programme_id in programmes:
        after = 0
        while True:
            with work(house.engine) as session:
                due = _due(session, programme_id=programme_id, after=after, now=now, everyone=everyone, batch=batch)
                if due:
                    changed += _judge(session, programme_id, due, everyone=everyone, registry=house.registry, now=now)
            if not due:
                break
            after = due[-1]
            tell(changed)
    return changed


def _due(session: Session, *, programme_id: int, after: int, now: datetime, everyone: bool, batch: int) -> Sequence[int]:
    query = select(MemberCard.customer_id).where(
        MemberCard.programme_id == programme_id, MemberCard.state == CardState.ACTIVE, MemberCard.customer_id > after
    )
    if not everyone:
        query = query.where(MemberCard.tier_until <= now)
    return session.scalars(query.order_by(MemberCard.customer_id).limit(batch)).all()


def _judge(session: Session, programme_id: int, due: Sequence[int], *, everyone: bool, registry: Registry, now: datetime) -> int:
    rule, ladder = session.get_one(TierRule, programme_id), read_ladder(session, programme_id)
    cards = lock_cards(session, programme_id=programme_id, customer_ids=due)
    current = measured_now(session, rule=rule, spans={card.customer_id: span_now(rule, now) for card in cards})
    changed, left = 0, []
    floors: dict[int, Place] = {}
    for card in cards:
        grants = open_grants(session, card.id)
        over = [each for each in grants if each.ends_at <= now]
        floors[card.id] = floor_of(ladder, grants, at=now)
        for each in over:
            each.ended_at = now
        if any(each.way == GrantWay.HAND and each.ends_at > now for each in grants):
            continue
        if any(each.tier_id == card.tier_id for each in over):
            measured = current.get(card.customer_id, 0)
            place = not_below(ladder, place_at(ladder, rung_for(ladder, measured), safe_until(rule, now)), floors[card.id])
            changed += _move(
                session, card, place, ladder=ladder, why=ChangeWhy.OVERRIDE_ENDED, measured=measured, registry=registry, now=now
            )
        else:
            left.append(card)
    changed += _end_periods(session, left, floors, rule=rule, ladder=ladder, current=current, registry=registry, now=now)
    if everyone:
        for card in left:
            measured = current.get(card.customer_id, 0)
            target = rung_for(ladder, measured)
            if target > place_of(ladder, card.tier_id):
                place = place_at(ladder, target, safe_until(rule, now))
                changed += _move(
                    session, card, place, ladder=ladder, why=ChangeWhy.QUALIFIED, measured=measured, registry=registry, now=now
                )
    return changed


def _end_periods(
    session: Session,
    cards: Sequence[MemberCard],
    floors: Mapping[int, Place],
    *,
    rule: TierRule,
    ladder: Sequence[Tier],
    current: dict[int, int],
    registry: Registry,
    now: datetime,
) -> int:
    """Judge period after period, until none of the cards has one that is over and can be judged."""
    changed = 0
    waiting = [card for card in cards if card.tier_until is not None and card.tier_until <= now]
    for _ in range(_MOST_PERIODS):
        spans = {card.customer_id: span_upto(rule, card.tier_until) for card in waiting if card.tier_until is not None}
        ended = measured_now(session, rule=rule, spans=spans)
        again = []
        for card in waiting:
            held = Place(card.tier_id, card.tier_until)
            over, upto = ended.get(card.customer_id, 0), current.get(card.customer_id, 0)
            place = not_below(ladder, when_period_ends(rule, ladder, held, ended=over, current=upto, now=now), floors[card.id])
            if place == held:
                continue
            changed += _move(
                session, card, place, ladder=ladder, why=ChangeWhy.PERIOD_ENDED, measured=max(over, upto), registry=registry, now=now
            )
            if place.until is not None and place.until <= now:
                again.append(card)
        waiting = again
        if not waiting:
            break
    return changed


def _move(
    session: Session,
    card: MemberCard,
    place: Place,
    *,
    ladder: Sequence[Tier],
    why: ChangeWhy,
    measured: int,
    registry: Registry,
    now: datetime,
) -> int:
    reason = "人工指定到期" if why is ChangeWhy.OVERRIDE_ENDED else "等级周期结束" if why is ChangeWhy.PERIOD_ENDED else "达到等级条件"
    change = move_card(
        session, card, place, ladder=ladder, why=why, measured=measured, actor="system", reason=reason, registry=registry, now=now
    )
    return 1 if change is not None else 0
