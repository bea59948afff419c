"""Whether a coupon goes at this counter, on this order, now: every condition in one place, for previews, holds and redemptions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.core.nouns import Store
from cards.coupons.terms import offer_of
from cards.fraud import check_block
from cards.models.coupons import Coupon, CouponState, CouponTemplate, Offline
from cards.models.redemption import CouponHold, CouponUse, UseKind
from cards.quote import BasketLine, Means, Offer, quote, stacks
from cards.refusals import OVERRIDABLE, RefusedError
from cards.tiers import tier_discount_percent
from cards.till import Till

OFFLINE_TRUST = timedelta(hours=72)
"""How old the device's own time of an offline redemption may be."""
CLOCK_SLACK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Order:
    """The order a coupon goes on. Without lines, `total_fen` counts as one line of every good."""

    key: str | None = None
    total_fen: int | None = None
    lines: tuple[BasketLine, ...] = ()

    @property
    def basket(self) -> tuple[BasketLine, ...]:
        """Lines to quote on; none when nobody said what the order comes to."""
        if self.lines or self.total_fen is None:
            return self.lines
        return (BasketLine(1, "", "", 1, self.total_fen),)

    @property
    def whole_fen(self) -> int | None:
        """What the order comes to before any discount, when it is known."""
        return sum(line.amount_fen for line in self.lines) if self.lines else self.total_fen


@dataclass(frozen=True, slots=True)
class Worth:
    """What goes off an order, in fen: the tier's part first, then the coupon's. `waived` is the condition a supervisor let it through."""

    tier_fen: int = 0
    discount_fen: int = 0
    waived: str | None = None


def check_coupon(
    session: Session,
    coupon: Coupon,
    template: CouponTemplate,
    *,
    till: Till,
    now: datetime,
    order: Order,
    times: int = 1,
    offline_at: datetime | None = None,
    override: bool = False,
) -> Worth:
    """Check everything that does not depend on who asks; says what the tier and the coupon take off this order.

    `offline_at` is when a device without connection redeemed it: its dates are then judged at that moment. With `override` a condition of the
    offer that is not met is named in place of being refused; what it takes off is still bounded by the order. Raises RefusedError.
    """
    check_state(session, coupon, template, now=now, order_key=order.key, offline_at=offline_at)
    waived = None
    if template.store_ids and till.store_id not in template.store_ids:
        if not override:
            raise RefusedError("wrong_store", coupon_id=coupon.id, told={"stores": _store_names(session, template.store_ids)})
        waived = "wrong_store"
    if not 1 <= times <= coupon.uses_left:
        raise RefusedError("too_many_times", coupon_id=coupon.id, told={"uses_left": coupon.uses_left})
    percent = 100
    if order.basket:
        percent -= tier_discount_percent(session, customer_id=coupon.customer_id, programme_id=template.programme_id, at=now)
    worth = _worth(coupon, template, order, times=times, tier_percent=percent, override=override)
    if offline_at is not None and not _may_offline(template, order):
        raise RefusedError("offline_refused", coupon_id=coupon.id)
    return worth if waived is None else replace(worth, waived=waived)


def check_state(
    session: Session, coupon: Coupon, template: CouponTemplate, *, now: datetime, order_key: str | None, offline_at: datetime | None = None
) -> None:
    """Whether the coupon itself can be used now. Raises RefusedError."""
    check_block(session, coupon, now=now)
    moment = now
    if offline_at is not None and template.offline != Offline.NEVER and now - OFFLINE_TRUST <= offline_at <= now + CLOCK_SLACK:
        moment = min(offline_at, now)
    if coupon.state == CouponState.USED:
        raise RefusedError("already_used", coupon_id=coupon.id, told=last_use(session, coupon))
    if coupon.state in (CouponState.VOIDED, CouponState.GIVEN):
        raise RefusedError(str(coupon.state), coupon_id=coupon.id)
    # Expired by night stays expired for whoever asks now, even if a clock was set back.
    if coupon.expires_at <= moment or (coupon.state == CouponState.EXPIRED and offline_at is None):
        raise RefusedError("expired", coupon_id=coupon.id, told={"expired_at": coupon.expires_at.isoformat()})
    if coupon.valid_from > moment:
        raise RefusedError("not_yet", coupon_id=coupon.id, told={"valid_from": coupon.valid_from.isoformat()})
    if coupon.state == CouponState.HELD and coupon.held_until is not None and coupon.held_until > now:
        holder = session.get(CouponHold, coupon.hold_id)
        # An order is never blocked by what it set aside itself.
        if holder is not None and (order_key is None or holder.order_key != order_key):
            raise RefusedError("held_elsewhere", coupon_id=coupon.id, told={"until": coupon.held_until.isoformat()})


def check_stacking(session: Session, coupon: Coupon, template: CouponTemplate, order: Order, worth: Worth) -> Worth:
    """Whether it goes with what the order used already; the discount, cut to what is left of the order. The order must be locked.

    The tier's part is that of the order's first coupon. Raises RefusedError (no_stacking).
    """
    if order.key is None:
        return worth
    undone = aliased(CouponUse)
    query = (
        select(CouponTemplate.stacking_class, CouponUse.discount_fen, CouponUse.tier_fen)
        .join(Coupon, Coupon.id == CouponUse.coupon_id)
        .join(CouponTemplate, CouponTemplate.id == Coupon.template_id)
        .outerjoin(undone, undone.reverses_id == CouponUse.id)
        .where(CouponUse.order_key == order.key, CouponUse.kind == UseKind.USE, undone.id.is_(None))
    )
    before = session.execute(query).all()
    if not stacks([*(row.stacking_class for row in before), template.stacking_class]):
        raise RefusedError("no_stacking", coupon_id=coupon.id)
    if before:
        worth = replace(worth, tier_fen=0)
    whole = order.whole_fen
    if whole is None:
        return worth
    left = whole - sum(row.discount_fen + row.tier_fen for row in before) - worth.tier_fen
    return replace(worth, discount_fen=min(worth.discount_fen, max(left, 0)))


def last_use(session: Session, coupon: Coupon) -> Mapping[str, Any]:
    """When, where and by whom a coupon was used last: what the orange screen tells."""
    query = (
        select(CouponUse.at, CouponUse.actor, Store.name)
        .join(Store, Store.id == CouponUse.store_id)
        .where(CouponUse.coupon_id == coupon.id, CouponUse.kind == UseKind.USE)
        .order_by(CouponUse.id.desc())
        .limit(1)
    )
    row = session.execute(query).one_or_none()
    return {} if row is None else {"at": row.at.isoformat(), "store": row.name, "by": row.actor}


def waive(offer: Offer) -> Offer:
    """A coupon without its conditions on what is bought."""
    return replace(offer, minimum_fen=0, skus=frozenset(), categories=frozenset())


def _worth(coupon: Coupon, template: CouponTemplate, order: Order, *, times: int, tier_percent: int, override: bool) -> Worth:
    offer = offer_of(coupon, template, times=times)
    if not order.basket:
        if offer.kind.by_amount or template.minimum_fen:
            raise RefusedError("amount_needed", coupon_id=coupon.id, told={"minimum_fen": template.minimum_fen})
        return Worth()
    if not order.lines:
        # Whoever types a total alone has looked at the goods himself.
        offer = replace(offer, skus=frozenset(), categories=frozenset())
    means = Means(tier_percent=tier_percent)
    found, waived = quote(order.basket, [offer], means, chosen={offer.key}), None
    for _, code in found.refused:
        if not override or code not in OVERRIDABLE:
            raise RefusedError(code, coupon_id=coupon.id, told={"minimum_fen": template.minimum_fen})
        found, waived = quote(order.basket, [waive(offer)], means, chosen={offer.key}), code
    # A gift or an exchange on a bare total takes nothing off: nobody knows which line it was.
    return Worth(found.tier_fen, found.coupon_fen if order.lines or offer.kind.by_amount else 0, waived)


def _may_offline(template: CouponTemplate, order: Order) -> bool:
    if template.offline == Offline.ALWAYS:
        return True
    return template.offline == Offline.UP_TO and (order.whole_fen or 0) <= template.offline_fen


def _store_names(session: Session, store_ids: Sequence[int]) -> list[str]:
    return list(session.scalars(select(Store.name).where(Store.id.in_(store_ids)).order_by(Store.id).limit(10)))
