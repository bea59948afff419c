"""Taking a use back: a row of its own that names it, once; by the same clerk on the same device within 15 minutes, later by a supervisor."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import ConflictError
from app.core.facts import Fact, record
from app.core.ids import new_public_id
from app.core.registry import Registry
from cards.coupons.use import Used, lock_coupon, undone_of
from cards.fraud import give_turn_back
from cards.ledger.post import Cause
from cards.ledger.returns import take_back
from cards.models.coupons import Coupon, CouponTemplate
from cards.models.programme import Programme
from cards.models.redemption import CouponUse, UseKind
from cards.refusals import RefusedError
from cards.till import Till

REVERSED = "coupon.reversed"
OWN_UNDO = timedelta(minutes=15)
_USE = table_of(CouponUse)
# A coupon whose time is over takes its use back too and stays expired, visibly; one that is out of somebody's hand keeps its state.
_RESTORE = text(
    """
    UPDATE coupon
    SET uses_left = uses_left + :times, state = CASE WHEN state <> 'used' THEN state WHEN expires_at > :now THEN 'issued' ELSE 'expired' END,
        changed_at = :now
    WHERE id = :id AND uses_left + :times <= uses_total
    """
)


@dataclass(frozen=True, slots=True)
class Undoing:
    """One reversal to be. `supervisor` says that the gate lets this person reverse what others did."""

    use: UUID
    reason: str = ""
    supervisor: bool = False
    device_at: datetime | None = None


def undo_use(session: Session, undoing: Undoing, *, till: Till, registry: Registry, now: datetime) -> Used:
    """Reverse one use in the caller's transaction.

    Raises RefusedError: no_use, already_reversed, undo_too_late, reason_needed, points_spent.
    """
    use = session.scalar(select(CouponUse).where(CouponUse.public_id == undoing.use, CouponUse.kind == UseKind.USE))
    if use is None:
        raise RefusedError("no_use")
    coupon, template = lock_coupon(session, use.coupon_id)
    if undone_of(session, use.id) is not None:
        raise RefusedError("already_reversed", coupon_id=coupon.id)
    own = check_right(use, undoing, till=till, now=now)
    undone = _insert(session, use, undoing, till=till, now=now)
    moved = session.execute(_RESTORE, {"id": coupon.id, "times": use.times, "now": now})
    assert moved.rowcount == 1, "a use that stands can always be put back"  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
    if own:
        give_turn_back(session, till, customer_id=coupon.customer_id, used_at=use.at)
    if use.reward_txn_id is not None:
        _take_reward(session, use, template, till=till, now=now)
    if not own:
        detail = {"use": str(use.public_id), "reason": undoing.reason, "by": use.actor}
        note(session, at=now, actor=till.actor, action="coupon.reversed", object_type="coupon", object_id=coupon.public_id, detail=detail)
    record(session, [_fact(coupon, template, use, undoing, now=now)], registry=registry, now=now)
    session.refresh(coupon)
    return Used(undone, coupon, template, again=False)


def check_right(use: CouponUse, undoing: Undoing, *, till: Till, now: datetime) -> bool:
    """Whether this person may reverse it; True when it is his own slip. Raises RefusedError."""
    same = use.client_id == till.client_id and use.staff_id == till.staff_id and use.device_id == till.device_id
    if same and now - use.at <= OWN_UNDO:
        return True
    if not undoing.supervisor:
        raise RefusedError("undo_too_late", coupon_id=use.coupon_id)
    if not undoing.reason.strip():
        raise RefusedError("reason_needed", coupon_id=use.coupon_id)
    return False


def _insert(session: Session, use: CouponUse, undoing: Undoing, *, till: Till, now: datetime) -> CouponUse:
    """The reversal's row; the key on `reverses_id` lets one in, whatever happens in the same millisecond."""
    row = {
        "public_id": new_public_id(),
        "kind": UseKind.UNDO,
        "coupon_id": use.coupon_id,
        "purpose": f"undo:{use.public_id}",
        "round": 0,
        "reverses_id": use.id,
        "times": use.times,
        "order_key": use.order_key,
        "total_fen": use.total_fen,
        "discount_fen": use.discount_fen,
        "tier_fen": use.tier_fen,
        "store_id": till.store_id,
        "staff_id": till.staff_id,
        "device_id": till.device_id,
        "client_id": till.client_id,
        "actor": till.actor,
        "reason": undoing.reason.strip()[:200],
        "device_at": undoing.device_at,
        "at": now,
    }
    made = session.scalar(pg_insert(_USE).values(row).on_conflict_do_nothing(index_elements=["reverses_id"]).returning(_USE.c.id))
    if made is None:
        raise RefusedError("already_reversed", coupon_id=use.coupon_id)
    return session.get_one(CouponUse, made)


def _take_reward(session: Session, use: CouponUse, template: CouponTemplate, *, till: Till, now: datetime) -> None:
    policy = session.get_one(Programme, template.programme_id).return_policy
    cause = Cause(f"coupon_use:{use.public_id}", f"撤销核销 {template.name}", till.actor, now, now, till.store_id)
    assert use.reward_txn_id is not None
    try:
        take_back(session, earn_txn_id=use.reward_txn_id, amount=template.reward_points, policy=policy, cause=cause)
    except ConflictError as error:
        raise RefusedError("points_spent", coupon_id=use.coupon_id) from error


def _fact(coupon: Coupon, template: CouponTemplate, use: CouponUse, undoing: Undoing, *, now: datetime) -> Fact:
    data = {
        "template": str(template.public_id),
        "card_id": str(template.public_id),
        "coupon": str(coupon.public_id),
        "use": str(undoing.use),
        "store_id": use.store_id,
    }
    return Fact(f"coupon_undo:{undoing.use}", REVERSED, now, data, customer_id=coupon.customer_id)
