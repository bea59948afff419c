"""What a coupon comes to on a total that is still being typed, and the little a refusal needs to name the coupon."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFoundError
from app.core.house import House
from app.core.unit import reading
from cards.coupons.conditions import Order, check_coupon
from cards.coupons.recognise import read_ticket
from cards.models.coupons import Coupon, CouponTemplate
from cards.models.redemption import Attempt, CouponUse, UseKind
from cards.refusals import RefusedError
from cards.tiers import current_tier
from cards.till import Till


def quote(house: House, *, ticket: str, coupon: UUID | None, total_fen: int, till: Till, override: bool = False) -> dict[str, Any]:
    """`met` and the amounts in fen, or the sentence of the condition that is not. Raises RefusedError for a ticket that is over.

    The member's tier comes off by itself, before the coupon, as in every other quote.
    """
    now = house.clock.now()
    with reading(house.engine) as session:
        seen = read_ticket(house.ring, ticket, client_id=till.client_id, now=now)
        wanted = seen.subject if seen.kind == "C" else coupon
        held = session.scalar(select(Coupon).where(Coupon.public_id == wanted))
        if held is None:
            raise NotFoundError("没有这张券 / there is no such coupon", code="unknown_code")
        template = session.get_one(CouponTemplate, held.template_id)
        try:
            worth = check_coupon(session, held, template, till=till, now=now, order=Order(total_fen=total_fen), override=override)
        except RefusedError as error:
            return {"met": False, **error.for_clerk(), "missing_fen": max(template.minimum_fen - total_fen, 0)}
        tier = current_tier(session, customer_id=held.customer_id, programme_id=template.programme_id, at=now)
    return {
        "met": True,
        "total_fen": total_fen,
        "tier": "" if tier is None else tier.name,
        "tier_fen": worth.tier_fen,
        "discount_fen": worth.discount_fen,
        "pay_fen": total_fen - worth.tier_fen - worth.discount_fen,
        "waived": worth.waived,
    }


def tier_name(session: Session, house: House, coupon: UUID) -> str:
    """The tier of a coupon's holder; empty for somebody without a card."""
    query = select(Coupon.customer_id, CouponTemplate.programme_id).join(CouponTemplate, CouponTemplate.id == Coupon.template_id)
    row = session.execute(query.where(Coupon.public_id == coupon)).one()
    tier = current_tier(session, customer_id=row.customer_id, programme_id=row.programme_id, at=house.clock.now())
    return "" if tier is None else tier.name


def about(session: Session, attempt_id: UUID) -> dict[str, Any]:
    """What a refused attempt was about: the coupon's name and, for one that was used, what it took off then."""
    query = (
        select(Coupon.id, CouponTemplate.name)
        .join(Attempt, Attempt.coupon_id == Coupon.id)
        .join(CouponTemplate, CouponTemplate.id == Coupon.template_id)
        .where(Attempt.attempt_id == attempt_id)
    )
    row = session.execute(query.limit(1)).one_or_none()
    if row is None:
        return {}
    last = select(CouponUse.discount_fen, CouponUse.public_id).where(CouponUse.coupon_id == row.id, CouponUse.kind == UseKind.USE)
    use = session.execute(last.order_by(CouponUse.id.desc()).limit(1)).one_or_none()
    return {"coupon": row.name, **({} if use is None else {"discount_fen": use.discount_fen, "slip": str(use.public_id)[-8:].upper()})}
