"""Using a coupon: its row locked, every condition checked, one guarded UPDATE, the use as a row, points and the fact."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session, aliased

from app.core.audit import note
from app.core.facts import Fact, record
from app.core.registry import Registry
from cards.coupons.conditions import Order, Worth, check_coupon, check_stacking
from cards.expiry import lot_expiry
from cards.fraud import check_own, take_turn
from cards.ledger.earn import earn
from cards.ledger.post import Cause
from cards.ledger.wallets import open_wallet
from cards.models.coupons import Coupon, CouponState, CouponTemplate
from cards.models.programme import Programme
from cards.models.redemption import CouponHold, CouponUse, UseKind
from cards.refusals import RefusedError
from cards.till import Till

REDEEMED = "coupon.redeemed"
_LOCK_ORDER = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 11))")
_USE = text(
    """
    UPDATE coupon
    SET uses_left = uses_left - :times, state = CASE WHEN uses_left = :times THEN 'used' ELSE 'issued' END,
        hold_id = NULL, held_until = NULL, changed_at = :now
    WHERE id = :id AND uses_left >= :times AND valid_from <= :moment AND expires_at > :moment
      AND (state = 'issued' OR (state = 'expired' AND :offline)
           OR (state = 'held' AND (held_until <= :now
               OR EXISTS (SELECT 1 FROM coupon_hold WHERE coupon_hold.id = coupon.hold_id AND coupon_hold.order_key = :order_key))))
    """
)


@dataclass(frozen=True, slots=True)
class Held:
    """What a till's hold promised of this coupon: its part of the quote, and the moment at which its conditions were checked."""

    hold_id: int
    discount_fen: int
    at: datetime
    tier_fen: int = 0
    waived: str | None = None


@dataclass(frozen=True, slots=True)
class Using:
    """One use to be. `purpose` is the business key: the order, or the attempt where there is none; the same purpose uses a coupon once."""

    purpose: str
    order: Order
    times: int = 1
    device_at: datetime | None = None
    offline: bool = False
    held: "Held | None" = None
    override: str = ""
    """Why a supervisor lets it through a condition; the caller has asked the gate."""

    @property
    def offline_at(self) -> datetime | None:
        """The device's own time, when it redeemed without a connection."""
        return self.device_at if self.offline else None


@dataclass(frozen=True, slots=True)
class Used:
    """A use; `again` when the same purpose had used this coupon before and nothing happened now."""

    use: CouponUse
    coupon: Coupon
    template: CouponTemplate
    again: bool


def lock_order(session: Session, order_key: str | None) -> None:
    """Let one transaction at a time change what an order uses: before any of its coupons is locked."""
    if order_key is not None:
        session.execute(_LOCK_ORDER, {"key": order_key})


def is_settled(session: Session, order_key: str, *, by_more_than_coupons: bool = False) -> bool:
    """Whether a till has confirmed what this order uses, and has not taken it back; or that points or balance were in it. The order must be locked."""
    query = select(CouponHold.id).where(CouponHold.order_key == order_key, CouponHold.state == "confirmed")
    if by_more_than_coupons:
        query = query.where(or_(CouponHold.points_txn_id.is_not(None), CouponHold.value_txn_id.is_not(None)))
    return session.scalar(query.limit(1)) is not None


def used_on(session: Session, order_key: str) -> list[int]:
    """The coupons, by id, whose uses on an order stand."""
    undone = aliased(CouponUse)
    query = (
        select(CouponUse.coupon_id)
        .outerjoin(undone, undone.reverses_id == CouponUse.id)
        .where(CouponUse.order_key == order_key, CouponUse.kind == UseKind.USE, undone.id.is_(None))
    )
    return list(session.scalars(query))


def lock_coupon(session: Session, coupon_id: int) -> tuple[Coupon, CouponTemplate]:
    """A coupon, locked and read anew, with its template."""
    query = select(Coupon).where(Coupon.id == coupon_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    coupon = session.scalars(query).one()
    return coupon, session.get_one(CouponTemplate, coupon.template_id)


def use_coupon(session: Session, coupon_id: int, using: Using, *, till: Till, registry: Registry, now: datetime) -> Used:
    """Use a coupon once for its purpose, in the caller's transaction. Raises RefusedError; the caller then rolls back to his savepoint."""
    lock_order(session, using.order.key)
    coupon, template = lock_coupon(session, coupon_id)
    before = _earlier(session, coupon_id, using.purpose)
    live = next((use for use, undone in before if not undone), None)
    if live is not None:
        return Used(live, coupon, template, again=True)
    check_own(session, till, customer_id=coupon.customer_id, coupon_id=coupon.id)
    worth = _check(session, coupon, template, using, till=till, now=now)
    take_turn(session, till, customer_id=coupon.customer_id, coupon_id=coupon.id, now=now)
    _spend(session, coupon, using, now=now)
    use = CouponUse(
        kind=UseKind.USE,
        coupon_id=coupon.id,
        purpose=using.purpose,
        round=len(before),
        times=using.times,
        order_key=using.order.key,
        total_fen=using.order.whole_fen,
        discount_fen=worth.discount_fen,
        tier_fen=worth.tier_fen,
        waived=worth.waived,
        reason=using.override[:200] if worth.waived else "",
        store_id=till.store_id,
        staff_id=till.staff_id,
        device_id=till.device_id,
        client_id=till.client_id,
        actor=till.actor,
        device_at=using.device_at,
        at=now,
    )
    session.add(use)
    session.flush()
    if template.reward_points:
        use.reward_txn_id = _reward(session, coupon, template, use, till=till, now=now)
        session.flush()
    if worth.waived:
        detail = {"waived": worth.waived, "reason": using.override[:200], "use": str(use.public_id), "discount_fen": worth.discount_fen}
        note(session, at=now, actor=till.actor, action="coupon.overridden", object_type="coupon", object_id=coupon.public_id, detail=detail)
    record(session, [_fact(coupon, template, use, now=now)], registry=registry, now=now)
    session.refresh(coupon)
    return Used(use, coupon, template, again=False)


def _check(session: Session, coupon: Coupon, template: CouponTemplate, using: Using, *, till: Till, now: datetime) -> Worth:
    """What goes off. A hold has checked its order already, and its promise outlives the coupon's last day by those few minutes."""
    if using.held is not None:
        if coupon.state != CouponState.HELD or coupon.hold_id != using.held.hold_id:
            raise RefusedError("hold_over", coupon_id=coupon.id)
        return Worth(using.held.tier_fen, using.held.discount_fen, using.held.waived)
    if using.order.key is not None and is_settled(session, using.order.key, by_more_than_coupons=True):
        # Points and balance have paid what no coupon may take off again.
        raise RefusedError("order_settled", coupon_id=coupon.id)
    worth = check_coupon(
        session,
        coupon,
        template,
        till=till,
        now=now,
        order=using.order,
        times=using.times,
        offline_at=using.offline_at,
        override=bool(using.override),
    )
    return check_stacking(session, coupon, template, using.order, worth)


def undone_of(session: Session, use_id: int) -> CouponUse | None:
    """The reversal of a use, or None."""
    return session.scalar(select(CouponUse).where(CouponUse.reverses_id == use_id))


def _earlier(session: Session, coupon_id: int, purpose: str) -> list[tuple[CouponUse, bool]]:
    """Uses of a coupon for one purpose, each with whether it was reversed. The coupon is locked."""
    undone = aliased(CouponUse)
    query = (
        select(CouponUse, undone.id.is_not(None))
        .outerjoin(undone, undone.reverses_id == CouponUse.id)
        .where(CouponUse.coupon_id == coupon_id, CouponUse.purpose == purpose, CouponUse.kind == UseKind.USE)
        .order_by(CouponUse.round)
    )
    return [(row[0], bool(row[1])) for row in session.execute(query)]


def _spend(session: Session, coupon: Coupon, using: Using, *, now: datetime) -> None:
    moment = now if using.offline_at is None else min(using.offline_at, now)
    if using.held is not None:
        moment = using.held.at
    bound = {
        "id": coupon.id,
        "times": using.times,
        "now": now,
        "moment": moment,
        "offline": using.offline_at is not None,
        "order_key": using.order.key,
    }
    moved = session.execute(_USE, bound)
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
        raise RefusedError("already_used", coupon_id=coupon.id)


def _reward(session: Session, coupon: Coupon, template: CouponTemplate, use: CouponUse, *, till: Till, now: datetime) -> int:
    """Post the points the template promises for a redemption."""
    wallet_id = open_wallet(session, customer_id=coupon.customer_id, programme_id=template.programme_id)
    programme = session.get_one(Programme, template.programme_id)
    cause = Cause(f"coupon_use:{use.public_id}", f"核销 {template.name}", till.actor, now, now, till.store_id, {"unqualified": True})
    posted = earn(
        session,
        wallet_id=wallet_id,
        amount=template.reward_points,
        unit_id=template.unit_id,
        cause=cause,
        available_from=now,
        expires_at=lot_expiry(programme, earned_at=now),
    )
    return posted.txn_id


def _fact(coupon: Coupon, template: CouponTemplate, use: CouponUse, *, now: datetime) -> Fact:
    data = {
        "template": str(template.public_id),
        "card_id": str(template.public_id),
        "coupon": str(coupon.public_id),
        "use": str(use.public_id),
        "store_id": use.store_id,
        "discount_fen": use.discount_fen,
        "source": "till" if use.order_key else "clerk",
    }
    return Fact(f"coupon_use:{use.public_id}", REDEEMED, now, data, customer_id=coupon.customer_id)
