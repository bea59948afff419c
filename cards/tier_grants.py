"""Tiers that are not earned: bought with an article of their own, or given by invitation; each for a term, below which nobody falls."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import BadRequestError
from app.core.registry import Registry
from cards.held_credit import is_withheld
from cards.membership import card_of
from cards.models.membership import MemberCard
from cards.models.orders import Purchase, PurchaseLine
from cards.models.tiers import ChangeWhy, GrantWay, Tier, TierChange, TierOverride, TierRule
from cards.tier_changes import floor_of, lock_cards, move_card, not_below, open_grants, open_override, read_ladder
from cards.tier_periods import Place, place_at, place_of, rung_for, safe_until, span_now
from cards.tiers import measured_now


def invite(
    session: Session, card: MemberCard, *, tier: Tier, ends_at: datetime, reason: str, actor: str, registry: Registry, now: datetime
) -> TierChange | None:
    """Give a member a tier by invitation until `ends_at` (UTC). Who earns more stands higher all the same. Raises BadRequestError."""
    if not reason.strip():
        raise BadRequestError("请写明原因 / say why", code="no_reason")
    if ends_at <= now:
        raise BadRequestError("结束时间须在以后 / the end lies in the future", code="bad_end")
    if tier.programme_id != card.programme_id:
        raise BadRequestError("该等级不属于这个会员计划 / the tier belongs to another programme", code="bad_tier")
    (locked,) = lock_cards(session, programme_id=card.programme_id, customer_ids=[card.customer_id])
    given = TierOverride(
        card_id=locked.id,
        tier_id=tier.id,
        reason=reason.strip()[:200],
        actor=actor[:64],
        from_at=now,
        ends_at=ends_at,
        way=GrantWay.INVITED,
    )
    session.add(given)
    session.flush()
    detail = {"tier": tier.name, "until": ends_at.isoformat(), "reason": given.reason}
    note(session, at=now, actor=actor, action="tier.invited", object_type="member_card", object_id=locked.public_id, detail=detail)
    return _place(session, locked, reason=given.reason, actor=actor, registry=registry, now=now)


def sell_tiers(session: Session, purchase: Purchase, *, registry: Registry, actor: str, now: datetime) -> int:
    """Give the buyer of an order the tiers it holds, each piece for a term that follows the one he has; says how many terms were new.

    An order gives its terms once, however often it is told; what has come back of it gives none, nor does one that waits for a verdict.
    """
    bought = session.execute(
        select(Tier, PurchaseLine)
        .join(PurchaseLine, PurchaseLine.sku == Tier.sku)
        .where(Tier.programme_id == purchase.programme_id, PurchaseLine.purchase_id == purchase.id)
        .order_by(PurchaseLine.line_no)
    ).all()
    if not bought or purchase.customer_id is None or is_withheld(session, purchase.id):
        return 0
    card = card_of(session, customer_id=purchase.customer_id, programme_id=purchase.programme_id)
    if card is None:
        return 0
    (locked,) = lock_cards(session, programme_id=card.programme_id, customer_ids=[card.customer_id])
    sold = 0
    for tier, line in bought:
        for piece in range(min(line.quantity - line.returned_qty, _MOST_PIECES)):
            sold += _sell(session, locked, tier, source=_source(purchase, line.line_no, piece), actor=actor, now=now)
    if sold:
        _place(session, locked, reason=f"购买 {purchase.order_no}", actor=actor, registry=registry, now=now)
    return sold


def take_back_tiers(session: Session, purchase: Purchase, *, registry: Registry, actor: str, now: datetime) -> int:
    """End the terms of what came back of an order, the last piece first; says how many ended. Twice ends nothing more.

    Terms that were to follow begin so much sooner: nobody is left without what he paid for.
    """
    lines = session.scalars(
        select(PurchaseLine)
        .join(Tier, Tier.sku == PurchaseLine.sku)
        .where(Tier.programme_id == purchase.programme_id, PurchaseLine.purchase_id == purchase.id, PurchaseLine.returned_qty > 0)
        .execution_options(populate_existing=True)
    ).all()
    sources = [
        _source(purchase, line.line_no, piece)
        for line in lines
        for piece in range(line.quantity - line.returned_qty, min(line.quantity, _MOST_PIECES))
    ]
    held = session.scalars(select(TierOverride).where(TierOverride.source.in_(sources), TierOverride.ended_at.is_(None))).all()
    if not held:
        return 0
    card = session.get_one(MemberCard, held[0].card_id)
    (locked,) = lock_cards(session, programme_id=card.programme_id, customer_ids=[card.customer_id])
    ended = session.scalars(
        update(TierOverride)
        .where(TierOverride.id.in_([each.id for each in held]), TierOverride.ended_at.is_(None))
        .values(ended_at=now)
        .returning(TierOverride.tier_id)
    ).all()
    if ended:
        moved = _close_gaps(session, locked, set(ended), now=now)
        detail = {"order": str(purchase.public_id), "terms": len(ended), "sooner": moved}
        note(session, at=now, actor=actor, action="tier.taken_back", object_type="member_card", object_id=locked.public_id, detail=detail)
        _step_down(session, locked, ended, reason=f"退货 {purchase.order_no}", actor=actor, registry=registry, now=now)
    return len(ended)


def _close_gaps(session: Session, card: MemberCard, tier_ids: Collection[int], *, now: datetime) -> int:
    """Let bought terms that lie ahead follow each other again; says how many begin sooner."""
    moved = 0
    for tier_id in tier_ids:
        begins = now
        bought = [each for each in open_grants(session, card.id) if each.way == GrantWay.PAID and each.tier_id == tier_id]
        for term in sorted(bought, key=lambda each: (each.from_at, each.id)):
            if term.from_at > begins:
                term.from_at, term.ends_at = begins, begins + (term.ends_at - term.from_at)
                moved += 1
            begins = max(begins, term.ends_at)
    session.flush()
    return moved


_MOST_PIECES = 20


def _source(purchase: Purchase, line_no: int, piece: int) -> str:
    return f"order:{purchase.source}:{purchase.order_no}:{line_no}:{piece}"


def _sell(session: Session, card: MemberCard, tier: Tier, *, source: str, actor: str, now: datetime) -> bool:
    if session.scalar(select(TierOverride.id).where(TierOverride.source == source)) is not None:
        return False
    assert tier.term_days is not None, "what has an article has a term"
    same = [each.ends_at for each in open_grants(session, card.id) if each.way == GrantWay.PAID and each.tier_id == tier.id]
    begins = max([*same, now])
    given = TierOverride(
        card_id=card.id,
        tier_id=tier.id,
        reason="购买",
        actor=actor[:64],
        from_at=begins,
        ends_at=begins + timedelta(days=tier.term_days),
        way=GrantWay.PAID,
        source=source,
    )
    session.add(given)
    session.flush()
    detail = {"tier": tier.name, "from": begins.isoformat(), "until": given.ends_at.isoformat()}
    note(session, at=now, actor=actor, action="tier.bought", object_type="member_card", object_id=card.public_id, detail=detail)
    return True


def _place(session: Session, card: MemberCard, *, reason: str, actor: str, registry: Registry, now: datetime) -> TierChange | None:
    """Lift a locked card to what it was given, unless it stands higher or was placed by hand."""
    if _by_hand(session, card, now=now):
        return None
    ladder = read_ladder(session, card.programme_id)
    floor = floor_of(ladder, open_grants(session, card.id), at=now)
    if place_of(ladder, floor.tier_id) < place_of(ladder, card.tier_id):
        return None
    if floor.tier_id == card.tier_id and (card.tier_until is None or (floor.until is not None and card.tier_until >= floor.until)):
        return None
    return move_card(
        session,
        card,
        floor,
        ladder=ladder,
        why=ChangeWhy.GRANTED,
        measured=None,
        actor=actor,
        reason=reason,
        registry=registry,
        now=now,
    )


def _step_down(
    session: Session, card: MemberCard, ended: Sequence[int], *, reason: str, actor: str, registry: Registry, now: datetime
) -> TierChange | None:
    """Put a locked card where it stands without what ended; one that stands there for another reason stays."""
    if card.tier_id not in ended or _by_hand(session, card, now=now):
        return None
    ladder, rule = read_ladder(session, card.programme_id), session.get(TierRule, card.programme_id)
    earned = Place(None, None)
    if rule is not None:
        measured = measured_now(session, rule=rule, spans={card.customer_id: span_now(rule, now)}).get(card.customer_id, 0)
        earned = place_at(ladder, rung_for(ladder, measured), safe_until(rule, now))
    elif ladder:
        earned = place_at(ladder, rung_for(ladder, 0), now)
    place = not_below(ladder, earned, floor_of(ladder, open_grants(session, card.id), at=now))
    return move_card(
        session,
        card,
        place,
        ladder=ladder,
        why=ChangeWhy.OVERRIDE_ENDED,
        measured=None,
        actor=actor,
        reason=reason,
        registry=registry,
        now=now,
    )


def _by_hand(session: Session, card: MemberCard, *, now: datetime) -> bool:
    override = open_override(session, card.id)
    return override is not None and override.ends_at > now
