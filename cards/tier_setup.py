"""Setting tiers up: a programme's steps, its qualifying rule, and exceptions made by hand."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError, ConflictError
from app.core.registry import Registry
from cards.models.membership import MemberCard
from cards.models.tiers import ChangeWhy, Tier, TierChange, TierOverride, TierRule, TierStep, TierWindow
from cards.tier_changes import lock_cards, move_card, open_override, read_ladder
from cards.tier_periods import Place
from cards.tier_rule import measure_called

_LARGEST = 10**12


def add_tier(session: Session, tier: Tier, *, actor: str, now: datetime) -> Tier:
    """Add a step to a programme's ladder; ranks and thresholds climb together. One without a threshold is bought or given, never earned.

    Raises BadRequestError, ConflictError.
    """
    threshold = tier.threshold
    if not tier.name.strip() or (threshold is not None and not 0 <= threshold <= _LARGEST):
        raise BadRequestError("等级要有名称和不小于 0 的门槛 / a tier has a name and a threshold of at least 0", code="bad_tier")
    for other in read_ladder(session, tier.programme_id):
        climbs = threshold is None or other.threshold is None or (other.rank < tier.rank) == (other.threshold < threshold)
        if not climbs or other.rank == tier.rank:
            raise ConflictError(
                f"名次与门槛须同升, 与 {other.name} 不符 / rank and threshold climb together; compare {other.name}", code="tier_order"
            )
    try:
        with session.begin_nested():
            session.add(tier)
    except IntegrityError as error:
        raise ConflictError(
            f"等级 {tier.name} 已有, 或数值不合规 / there is a tier {tier.name}, or a number is off", code="bad_tier"
        ) from error
    note(
        session,
        at=now,
        actor=actor,
        action="tier.added",
        object_type="tier",
        object_id=tier.public_id,
        detail={"name": tier.name, "rank": tier.rank, "threshold": tier.threshold, "sku": tier.sku, "term_days": tier.term_days},
    )
    return tier


def set_rule(
    session: Session,
    *,
    programme_id: int,
    measure: str,
    window: TierWindow,
    window_days: int,
    grace_days: int,
    step: TierStep,
    actor: str,
    now: datetime,
) -> TierRule:
    """Say how members of a programme qualify, in place of what was said before. Raises BadRequestError."""
    measure_called(measure)
    if not 1 <= window_days <= 1100 or not 0 <= grace_days <= 365:
        raise BadRequestError("窗口 1 到 1100 天, 宽限 0 到 365 天 / a window of 1 to 1100 days, a grace of 0 to 365", code="bad_rule")
    said = {
        "measure": measure,
        "window_kind": window,
        "window_days": window_days,
        "grace_days": grace_days,
        "step": step,
        "changed_at": now,
    }
    session.execute(
        pg_insert(table_of(TierRule))
        .values(programme_id=programme_id, **said)
        .on_conflict_do_update(index_elements=["programme_id"], set_=said)
    )
    detail = {"measure": measure, "window": window.value, "window_days": window_days, "grace_days": grace_days, "step": step.value}
    note(session, at=now, actor=actor, action="tier_rule.set", object_type="programme", object_id=programme_id, detail=detail)
    return session.get_one(TierRule, programme_id, populate_existing=True)


def override_tier(
    session: Session, card: MemberCard, *, tier: Tier, ends_at: datetime, reason: str, actor: str, registry: Registry, now: datetime
) -> TierChange | None:
    """Give a member a tier by hand until `ends_at` (UTC), in place of an exception that is open. Raises BadRequestError."""
    if not reason.strip():
        raise BadRequestError("请写明原因 / say why", code="no_reason")
    if ends_at <= now:
        raise BadRequestError("结束时间须在以后 / the end lies in the future", code="bad_end")
    if tier.programme_id != card.programme_id:
        raise BadRequestError("该等级不属于这个会员计划 / the tier belongs to another programme", code="bad_tier")
    (locked,) = lock_cards(session, programme_id=card.programme_id, customer_ids=[card.customer_id])
    before = open_override(session, locked.id)
    if before is not None:
        before.ended_at = now
        session.flush()
    made = TierOverride(card_id=locked.id, tier_id=tier.id, reason=reason.strip()[:200], actor=actor[:64], from_at=now, ends_at=ends_at)
    session.add(made)
    session.flush()
    note(
        session,
        at=now,
        actor=actor,
        action="tier.overridden",
        object_type="member_card",
        object_id=locked.public_id,
        detail={"tier": tier.name, "until": ends_at.isoformat(), "reason": made.reason},
    )
    return move_card(
        session,
        locked,
        Place(tier.id, ends_at),
        ladder=read_ladder(session, card.programme_id),
        why=ChangeWhy.OVERRIDE,
        measured=None,
        actor=actor,
        reason=made.reason,
        registry=registry,
        now=now,
    )
