"""What a counter is told of a coupon, its customer (masked) and a use."""

from typing import Any

from sqlalchemy.orm import Session

from app.core.gate import see
from app.core.house import House
from app.core.nouns import Customer, Store
from cards.coupons.terms import say
from cards.coupons.undo import OWN_UNDO
from cards.coupons.use import Used
from cards.models.coupons import Coupon, CouponTemplate
from cards.till import Till


def tell_use(session: Session, house: House, used: Used, *, till: Till) -> dict[str, Any]:
    store = session.get_one(Store, used.use.store_id)
    return {
        "outcome": "done",
        "again": used.again,
        "use": str(used.use.public_id),
        "coupon": tell_coupon(session, used.coupon, used.template),
        "customer": tell_customer(session, house, used.coupon),
        "tier_fen": used.use.tier_fen,
        "discount_fen": used.use.discount_fen,
        "waived": used.use.waived,
        "times": used.use.times,
        "reward_points": used.template.reward_points,
        "at": used.use.at.isoformat(),
        "store": store.name,
        "by": till.actor,
        "undo_until": (used.use.at + OWN_UNDO).isoformat(),
    }


def tell_coupon(session: Session, coupon: Coupon, template: CouponTemplate) -> dict[str, Any]:
    words = say(session, template, starts=coupon.valid_from, ends=coupon.expires_at, coupon=coupon)
    return {
        "id": str(coupon.public_id),
        "name": template.name,
        "type": template.type,
        "state": coupon.state,
        "uses_left": coupon.uses_left,
        "uses_total": coupon.uses_total,
        "expires_at": coupon.expires_at.isoformat(),
        "offline": template.offline,
        "offline_fen": template.offline_fen,
        **words.as_json(),
    }


def tell_customer(session: Session, house: House, coupon: Coupon) -> dict[str, Any]:
    seen = see(house.ring, session.get_one(Customer, coupon.customer_id))
    return {"id": str(seen.public_id), "name": seen.name, "phone": seen.phone}
