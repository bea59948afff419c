"""One quote for one customer's order, from what stands in the database: his coupons, his tier, his points and his balance."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.errors import NotFoundError
from app.core.nouns import Customer
from cards.blocks import is_blocked
from cards.coupons.conditions import Order, check_state, waive
from cards.coupons.terms import offer_of, say
from cards.forecast import forecast
from cards.models.coupons import Coupon, CouponState, CouponTemplate
from cards.models.ledger import WalletKind
from cards.occasion import LineSeen
from cards.points_at_till import read_terms
from cards.quote import Means, Offer, Quote, quote
from cards.refusals import OVERRIDABLE, RefusedError
from cards.split import split
from cards.tiers import current_tier, tier_multiplier_percent
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
    by_eye: bool = False
    """A clerk who types a total alone has looked at the goods himself; which of them is a gift, nobody knows."""
    override: str = ""
    """Why a supervisor lets the named coupons through the conditions they do not meet; the caller has asked the gate."""


@dataclass(frozen=True, slots=True)
class Priced:
    """A quote with the rows behind it."""

    quote: Quote
    coupons: dict[UUID, tuple[Coupon, CouponTemplate]]
    tier: str | None
    waived: dict[UUID, str] = field(default_factory=dict)
    """The conditions that named coupons were let through."""
    override: str = ""
    multiplier_percent: int = 100
    earns: int = 0
    """Points the rules give for what is paid, before their caps."""


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
    offers, refused, waived = _offers(session, basket, held, till=till, now=now)
    tier = current_tier(session, customer_id=basket.customer_id, programme_id=basket.programme_id, at=now)
    means = _means(session, basket, tier_percent=100 - (0 if tier is None else tier.discount_percent), now=now)
    chosen = None if basket.coupons is None else set(basket.coupons)
    found = quote(basket.order.basket, offers, means, chosen=chosen)
    missed = {key: code for key, code in found.refused if code in OVERRIDABLE}
    if basket.override and missed:
        offers = [waive(offer) if offer.key in missed else offer for offer in offers]
        found = quote(basket.order.basket, offers, means, chosen=chosen)
        waived = {**missed, **waived}
    kept = replace(found, refused=() if basket.coupons is None else (*refused, *found.refused))
    multiplier = tier_multiplier_percent(session, customer_id=basket.customer_id, programme_id=basket.programme_id, at=now)
    earns = forecast(
        session,
        _paid_lines(basket, kept),
        till=till,
        customer_id=basket.customer_id,
        programme_id=basket.programme_id,
        multiplier_percent=multiplier,
        at=now,
    )
    coupons = {coupon.public_id: (coupon, template) for coupon, template in held}
    return Priced(kept, coupons, None if tier is None else tier.name, waived, basket.override, multiplier, earns)


def _offers(
    session: Session, basket: Basket, held: Sequence[tuple[Coupon, CouponTemplate]], *, till: Till, now: datetime
) -> tuple[list[Offer], list[tuple[UUID, str]], dict[UUID, str]]:
    """His coupons as offers; those that cannot be used here and now; and those let through in a store that is not theirs."""
    offers: list[Offer] = []
    refused: list[tuple[UUID, str]] = []
    waived: dict[UUID, str] = {}
    for coupon, template in held:
        try:
            check_state(session, coupon, template, now=now, order_key=basket.order.key)
        except RefusedError as error:
            refused.append((coupon.public_id, error.code))
            continue
        if template.store_ids and till.store_id not in template.store_ids:
            if not basket.override or basket.coupons is None:
                refused.append((coupon.public_id, "wrong_store"))
                continue
            waived[coupon.public_id] = "wrong_store"
        offer = offer_of(coupon, template)
        if basket.by_eye and offer.kind.by_amount:
            offer = replace(offer, skus=frozenset(), categories=frozenset())
        if not basket.by_eye or offer.kind.by_amount or basket.coupons is not None:
            offers.append(offer)
    return offers, refused, waived


def _paid_lines(basket: Basket, found: Quote) -> tuple[LineSeen, ...]:
    """The lines with what is paid for each, points and discounts left out: what earns."""
    off = dict(found.lines)
    rest = [line.amount_fen - off[line.number] for line in basket.order.basket]
    by_points = split(found.points_fen, rest)
    return tuple(
        LineSeen(line.number, line.sku, line.category, line.quantity, 0 if line.is_reward else left - part)
        for line, left, part in zip(basket.order.basket, rest, by_points, strict=True)
    )


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
        "multiplier_percent": priced.multiplier_percent,
        "earns_points": priced.earns,
        "waived": [{"coupon": str(key), "code": code, "reason": priced.override} for key, code in priced.waived.items()],
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
        # Who is on the blacklist redeems nothing; his balance is money he paid in.
        points=0 if is_blocked(session, basket.customer_id, now=now) else has.get(WalletKind.POINTS, 0),
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
