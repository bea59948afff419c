"""What a customer sees of his coupons, and what a marketer sees of a template."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from app.core.secrets import KeyRing
from cards import codes
from cards.coupons.terms import say
from cards.guards import read_used
from cards.models.coupons import Coupon, CouponState, CouponTemplate, TemplateState

OPEN_STATES = (CouponState.ISSUED, CouponState.HELD)


def list_coupons(session: Session, *, customer_id: int, now: datetime, limit: int = 50) -> list[dict[str, Any]]:
    """A customer's usable coupons, expiring first, with their words and plain conditions. No code: that one moves (`moving_code`)."""
    query = (
        select(Coupon, CouponTemplate)
        .join(CouponTemplate, CouponTemplate.id == Coupon.template_id)
        .where(Coupon.customer_id == customer_id, Coupon.state.in_(OPEN_STATES), Coupon.expires_at > now)
        .order_by(Coupon.expires_at, Coupon.id)
        .limit(min(max(limit, 1), 200))
    )
    return [_listed(session, row[0], row[1], now=now) for row in session.execute(query)]


def list_past(session: Session, *, customer_id: int, now: datetime, limit: int = 50) -> list[dict[str, Any]]:
    """A customer's coupons that are used, given or over, the latest first."""
    over = or_(Coupon.state.not_in(OPEN_STATES), and_(Coupon.state.in_(OPEN_STATES), Coupon.expires_at <= now))
    query = (
        select(Coupon, CouponTemplate)
        .join(CouponTemplate, CouponTemplate.id == Coupon.template_id)
        .where(Coupon.customer_id == customer_id, over)
        .order_by(Coupon.changed_at.desc(), Coupon.id.desc())
        .limit(min(max(limit, 1), 200))
    )
    return [_listed(session, row[0], row[1], now=now) for row in session.execute(query)]


@dataclass(frozen=True, slots=True)
class ShownCode:
    """What a phone shows of a coupon: the moving code for QR and Code 128, when the next one is due, and the typed one as a way out."""

    moving: str
    next_in_s: int
    typed: str


def show_code(session: Session, ring: KeyRing, coupon_id: UUID, *, customer_id: int, now: datetime) -> ShownCode | None:
    """The codes of one's own coupon; None for one that is not his."""
    coupon = session.scalar(select(Coupon).where(Coupon.public_id == coupon_id, Coupon.customer_id == customer_id))
    if coupon is None:
        return None
    moving = codes.make_moving(ring, kind=codes.COUPON, subject=coupon.number, now=now)
    return ShownCode(moving, codes.STEP_S - int(now.timestamp()) % codes.STEP_S, codes.shown(coupon.code))


def list_claimable(session: Session, *, programme_id: int, now: datetime, limit: int = 50) -> list[dict[str, Any]]:
    """What may be claimed from its page now, with how many are left (None: no limit)."""
    query = (
        select(CouponTemplate)
        .where(
            CouponTemplate.programme_id == programme_id,
            CouponTemplate.state == TemplateState.OPEN,
            CouponTemplate.claimable,
            or_(CouponTemplate.claim_from.is_(None), CouponTemplate.claim_from <= now),
            or_(CouponTemplate.claim_until.is_(None), CouponTemplate.claim_until > now),
        )
        .order_by(CouponTemplate.id.desc())
        .limit(min(max(limit, 1), 200))
    )
    return [
        {
            "template": str(each.public_id),
            "name": each.name,
            "left": stock_left(session, each),
            "price_points": each.price_points,
            **say(session, each).as_json(),
        }
        for each in session.scalars(query)
    ]


def stock_left(session: Session, template: CouponTemplate) -> int | None:
    """How many may still be given; None for no limit. For showing: only the guarded statement decides."""
    if template.stock is None:
        return None
    return max(template.stock - read_used(session, scope=f"template:{template.id}:stock"), 0)


def count_states(session: Session, template: CouponTemplate) -> Mapping[str, int]:
    """How many coupons of a template are in which state."""
    query = select(Coupon.state, func.count()).where(Coupon.template_id == template.id).group_by(Coupon.state)
    return {str(row[0]): int(row[1]) for row in session.execute(query)}


def _listed(session: Session, coupon: Coupon, template: CouponTemplate, *, now: datetime) -> dict[str, Any]:
    over = coupon.state in OPEN_STATES and coupon.expires_at <= now
    return {
        "id": str(coupon.public_id),
        "name": template.name,
        "type": template.type,
        "state": CouponState.EXPIRED if over else coupon.state,
        "not_yet": coupon.valid_from > now,
        "uses_left": coupon.uses_left,
        "uses_total": coupon.uses_total,
        "valid_from": coupon.valid_from.isoformat(),
        "expires_at": coupon.expires_at.isoformat(),
        "giveable": template.giveable and coupon.uses_left == coupon.uses_total,
        **say(session, template, starts=coupon.valid_from, ends=coupon.expires_at, coupon=coupon).as_json(),
    }
