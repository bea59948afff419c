"""One quote for one customer's order, from what stands in the database: his coupons, his tier, his points and his balance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.errors import NotFoundError
from app.core.nouns import Customer
from cards.coupons.conditions import Order, check_state
from cards.coupons.terms import offer_of, say
from cards.models.coupons import Coupon, CouponState, CouponTemplate
from cards.models.ledger import WalletKind
from cards.points_at_till import read_terms
from cards.quote import Means, Offer, Quote, quote
from cards.refusals import RefusedError
from cards.tiers import current_tier
from cards.till import Till

MOST_COUPONS = 50
# What may be spent now, whether the wallet's due lots were settled today or not.
_SPENDABLE = text(
    """
    SELECT wallet.kind, coalesce(sum(lot.remaining), 0) AS amount
    FROM wallet LEFT JOIN lot ON lot.wallet_id = wallet.id AND lot.remaining > 0 AND lot.state IN ('active', 'pending')
         AND lot.available_from <= :now AND (lot.expires_at IS NULL OR lot.expires_at > :now)
    WHERE wallet.customer_id = :customer AND wallet.programme_id = :programme GROUP BY wallet.kind
    """
)


@dataclass(frozen=True, slots=True)
class Basket:
    """What a till asks a quote for. `coupons` None means the best of what he has; wishes of None mean as much as goes."""

    customer_id: int
    programme_id: int
    order: Order
    coupons: Sequence[UUID] | None = None
    points: int | None = 0
    value_fen: int | None = 0


@dataclass(frozen=True, slots=True)
class Priced:
    """A quote with the rows behind it."""

    quote: Quote
    coupons: dict[UUID, tuple[Coupon, CouponTemplate]]
    tier: str | None


def find_customer(session: Session, public_id: UUID) -> Customer:
    """A living customer by his public id. Raises NotFoundError."""
    found = session.scalar(select(Customer).where(Customer.public_id == public_id, Customer.joined_into_id.is_(None)))
    if found is None:
        raise NotFoundError("没有这位会员 / there is no such member", code="no_customer")
    return found


def price(session: Session, basket: Basket, *, till: Till, now: datetime) -> Priced:
    """The one quote. Named coupons that cannot be used are refused by name; unnamed ones are merely left out.

    Raises RefusedError (unknown_code, other_customer) for a named coupon that is not his.
    """
    held = his_coupons(session, basket, now=now)
    refused: list[tuple[UUID, str]] = []
    offers: list[Offer] = []
    for coupon, template in held:
        try:
            check_state(session, coupon, template, now=now, order_key=basket.order.key)
            if template.store_ids and till.store_id not in template.store_ids:
                raise RefusedError("wrong_store", coupon_id=coupon.id)  # noqa: TRY301 - it joins the refusals of the state.
        except RefusedError as error:
            refused.append((coupon.public_id, error.code))
        else:
            offers.append(offer_of(coupon, template))
    tier = current_tier(session, customer_id=basket.customer_id, programme_id=basket.programme_id, at=now)
    means = _means(session, basket, tier_percent=100 - (0 if tier is None else tier.discount_percent), now=now)
    found = quote(basket.order.basket, offers, means, chosen=None if basket.coupons is None else set(basket.coupons))
    if basket.coupons is not None:
        refused += found.refused
    kept = replace(found, refused=() if basket.coupons is None else tuple(refused))
    return Priced(kept, {coupon.public_id: (coupon, template) for coupon, template in held}, None if tier is None else tier.name)


def his_coupons(session: Session, basket: Basket, *, now: datetime) -> list[tuple[Coupon, CouponTemplate]]:
    """The named coupons, or those of his that may still be used, expiring first."""
    query = select(Coupon, CouponTemplate).join(CouponTemplate, CouponTemplate.id == Coupon.template_id)
    if basket.coupons is None:
        open_ones = query.where(
            Coupon.customer_id == basket.customer_id,
            CouponTemplate.programme_id == basket.programme_id,
            Coupon.state.in_((CouponState.ISSUED, CouponState.HELD)),
            Coupon.expires_at > now,
        )
        return [(row[0], row[1]) for row in session.execute(open_ones.order_by(Coupon.expires_at, Coupon.id).limit(MOST_COUPONS))]
    named = [(row[0], row[1]) for row in session.execute(query.where(Coupon.public_id.in_(basket.coupons)).order_by(Coupon.id))]
    if len(named) != len(set(basket.coupons)):
        raise RefusedError("unknown_code")
    for coupon, template in named:
        if coupon.customer_id != basket.customer_id or template.programme_id != basket.programme_id:
            raise RefusedError("other_customer", coupon_id=coupon.id)
    return named


def tell_quote(session: Session, priced: Priced) -> dict[str, Any]:
    """A quote as a till reads it; every amount in fen."""
    found = priced.quote
    return {
        "total_fen": found.total_fen,
        "tier": priced.tier,
        "tier_fen": found.tier_fen,
        "coupons": [_told_coupon(session, priced, each.key, each.discount_fen) for each in found.coupons],
        "coupon_fen": found.coupon_fen,
        "points": found.points,
        "points_fen": found.points_fen,
        "value_fen": found.value_fen,
        "to_pay_fen": found.to_pay_fen,
        "lines": [{"number": number, "discount_fen": discount} for number, discount in found.lines],
        "refused": [{"coupon": str(key), "code": code} for key, code in found.refused],
    }


def spendable(session: Session, *, customer_id: int, programme_id: int, now: datetime) -> dict[str, int]:
    """Points and stored value (fen) that may be spent now, by wallet kind."""
    rows = session.execute(_SPENDABLE, {"customer": customer_id, "programme": programme_id, "now": now})
    return {row.kind: int(row.amount) for row in rows}


def _means(session: Session, basket: Basket, *, tier_percent: int, now: datetime) -> Means:
    has = spendable(session, customer_id=basket.customer_id, programme_id=basket.programme_id, now=now)
    terms = read_terms(session, basket.programme_id)
    return Means(
        tier_percent=tier_percent,
        points=has.get(WalletKind.POINTS, 0),
        points_wish=basket.points,
        fen_per_100_points=0 if terms is None else terms.fen_per_100_points,
        points_cap_percent=100 if terms is None else terms.cap_percent,
        points_least=1 if terms is None else terms.least_points,
        value_fen=has.get(WalletKind.VALUE, 0),
        value_wish_fen=basket.value_fen,
    )


def _told_coupon(session: Session, priced: Priced, key: UUID, discount_fen: int) -> dict[str, Any]:
    coupon, template = priced.coupons[key]
    return {"coupon": str(key), "name": template.name, "discount_fen": discount_fen, **say(session, template, coupon=coupon).as_json()}
