"""Tiers: up at once on what qualifies, down when a period is over, and what the tier of a moment gives at the till."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.clock import business_day
from app.core.registry import Registry
from cards.birthdays import has_birthday
from cards.expiry import midnight
from cards.membership import card_of
from cards.models.membership import MemberCard
from cards.models.tiers import ChangeWhy, Tier, TierChange, TierRule, TierWindow
from cards.phones import living_customer
from cards.tier_changes import floor_of, lock_cards, move_card, open_grants, open_override, read_ladder
from cards.tier_periods import place_at, place_of, rung_for, safe_until, span_now, span_upto
from cards.tier_rule import Span, measure_called

_PLAIN_PERCENT = 100


def requalify(
    session: Session,
    *,
    customer_id: int,
    programme_id: int,
    registry: Registry,
    now: datetime,
    occurred_at: datetime | None = None,
    actor: str = "system",
) -> TierChange | None:
    """Lift a member who has just brought enough; call it after orders and points. It never lowers anybody.

    `occurred_at` is when that was, where it came late: last year's order can still lift by last year's measure. Says what changed.
    """
    rule, ladder = session.get(TierRule, programme_id), read_ladder(session, programme_id)
    if rule is None or not ladder:
        return None
    customer = living_customer(session, customer_id)
    cards = lock_cards(session, programme_id=programme_id, customer_ids=[customer.id])
    if not cards:
        return None
    card = cards[0]
    # Who was placed by hand stays there; who bought a tier or was invited to it rises above it by what he brings.
    override = open_override(session, card.id)
    if override is not None and override.ends_at > now:
        return None
    measured = _measured(session, rule, customer_id=customer.id, spans=_spans(rule, now=now, occurred_at=occurred_at))
    target = rung_for(ladder, measured)
    if target <= place_of(ladder, card.tier_id):
        return None
    place = place_at(ladder, target, safe_until(rule, now))
    return move_card(
        session,
        card,
        place,
        ladder=ladder,
        why=ChangeWhy.QUALIFIED,
        measured=measured,
        actor=actor,
        reason="达到等级条件",
        registry=registry,
        now=now,
    )


def measured_now(session: Session, *, rule: TierRule, spans: Mapping[int, Span]) -> dict[int, int]:
    """What customers brought, each in his span."""
    return measure_called(rule.measure).measure(session, programme_id=rule.programme_id, spans=spans) if spans else {}


def current_tier(session: Session, *, customer_id: int, programme_id: int, at: datetime) -> Tier | None:
    """The tier a member has at a moment (UTC). An exception made by hand ends on its date, whether the night has passed or not."""
    card = card_of(session, customer_id=customer_id, programme_id=programme_id)
    if card is None or card.tier_id is None:
        return None
    grants = open_grants(session, card.id)
    if not any(each.ends_at <= at and each.tier_id == card.tier_id for each in grants):
        return session.get(Tier, card.tier_id)
    ladder, rule = read_ladder(session, programme_id), session.get(TierRule, programme_id)
    measured = 0 if rule is None else _measured(session, rule, customer_id=customer_id, spans=[span_now(rule, at)])
    place = max(rung_for(ladder, measured), place_of(ladder, floor_of(ladder, grants, at=at).tier_id))
    return ladder[place] if place >= 0 else None


def tier_multiplier_percent(session: Session, *, customer_id: int, programme_id: int, at: datetime) -> int:
    """Points of a purchase in percent, on his birthday by the tier's word for it: 100 for somebody without a card or tier."""
    tier = current_tier(session, customer_id=customer_id, programme_id=programme_id, at=at)
    if tier is None:
        return _PLAIN_PERCENT
    if tier.birthday_multiplier_percent > tier.multiplier_percent and has_birthday(session, customer_id=customer_id, at=at):
        return tier.birthday_multiplier_percent
    return tier.multiplier_percent


def tier_discount_percent(session: Session, *, customer_id: int, programme_id: int, at: datetime) -> int:
    """Percent off the price (5 leaves 95): 0 for somebody without a card or tier."""
    tier = current_tier(session, customer_id=customer_id, programme_id=programme_id, at=at)
    return 0 if tier is None else tier.discount_percent


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a member is. `missing` and `percent` speak of the next tier; without one he is at the top."""

    tier: Tier | None
    following: Tier | None
    measured: int
    missing: int
    percent: int
    until: datetime | None
    zh: str
    en: str


def progress(session: Session, *, customer_id: int, programme_id: int, at: datetime) -> Progress | None:
    """What the card page says: `再消费 ¥300.00 升级为金卡`. None for somebody without a card, or a programme without a rule."""
    card = card_of(session, customer_id=customer_id, programme_id=programme_id)
    rule, ladder = session.get(TierRule, programme_id), read_ladder(session, programme_id)
    if card is None or rule is None or not ladder:
        return None
    tier = current_tier(session, customer_id=customer_id, programme_id=programme_id, at=at)
    measured = _measured(session, rule, customer_id=customer_id, spans=[span_now(rule, at)])
    place = place_of(ladder, tier.id if tier else None)
    following = next((each for each in ladder[place + 1 :] if each.threshold is not None), None)
    if following is None or following.threshold is None:
        return Progress(tier, None, measured, 0, 100, card.tier_until, "已是最高等级", "the highest tier")
    missing = max(following.threshold - measured, 0)
    zh, en = measure_called(rule.measure).wish(missing)
    percent = min(max(measured, 0) * 100 // max(following.threshold, 1), 100)
    name_en = following.name_en or following.name
    return Progress(tier, following, measured, missing, percent, card.tier_until, f"{zh}升级为{following.name}", f"{en} to reach {name_en}")


def take_over_tier(session: Session, card: MemberCard, *, others: Sequence[MemberCard], registry: Registry, now: datetime) -> None:
    """After two customers became one: he keeps the higher of their tiers, with its own end."""
    ladder = read_ladder(session, card.programme_id)
    best = max(others, key=lambda each: place_of(ladder, each.tier_id), default=None)
    if best is None or place_of(ladder, best.tier_id) <= place_of(ladder, card.tier_id):
        return
    (locked,) = lock_cards(session, programme_id=card.programme_id, customer_ids=[card.customer_id])
    place = place_at(ladder, place_of(ladder, best.tier_id), best.tier_until or now + timedelta(days=365))
    move_card(
        session,
        locked,
        place,
        ladder=ladder,
        why=ChangeWhy.JOINED,
        measured=None,
        actor="system",
        reason="会员合并",
        registry=registry,
        now=now,
    )


def _spans(rule: TierRule, *, now: datetime, occurred_at: datetime | None) -> list[Span]:
    spans = [span_now(rule, now)]
    if occurred_at is not None and rule.window_kind == TierWindow.CALENDAR and business_day(occurred_at).year == business_day(now).year - 1:
        spans.append(span_upto(rule, midnight(business_day(now).replace(month=1, day=1))))
    return spans


def _measured(session: Session, rule: TierRule, *, customer_id: int, spans: Sequence[Span]) -> int:
    return max(measured_now(session, rule=rule, spans={customer_id: span}).get(customer_id, 0) for span in spans)


def find_tier(session: Session, *, programme_id: int, name: str) -> Tier | None:
    """A tier by its name."""
    return session.scalar(select(Tier).where(Tier.programme_id == programme_id, Tier.name == name))
