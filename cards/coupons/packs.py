"""Packs: several of one's coupons under one link; each friend takes one, once, and what nobody takes comes back to the giver."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.ids import new_public_id
from app.core.nouns import Customer
from app.core.registry import Registry
from cards.blocks import is_blocked
from cards.coupons.claim import same_people
from cards.coupons.gifts import OFFER_LIFE, check_taker, hand_over, hash_token, offer_coupon, withdraw
from cards.coupons.use import lock_coupon
from cards.guards import Guarded, take
from cards.models.claiming import CouponPack
from cards.models.coupons import Coupon, CouponGift, CouponState

MOST = 50
# Each friend gets one that no other is just taking; whoever finds none comes too late. The coupon is locked first, as everywhere.
_NEXT = text(
    """
    SELECT gift.id FROM coupon_gift AS gift JOIN coupon ON coupon.id = gift.coupon_id
    WHERE gift.pack_id = :pack AND gift.state = 'offered' AND gift.expires_at > :now
    ORDER BY gift.id LIMIT 1 FOR NO KEY UPDATE OF coupon SKIP LOCKED
    """
)


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack and the token of its link, which is known here this once."""

    pack: CouponPack
    token: str


@dataclass(frozen=True, slots=True)
class Inside:
    """What is in a pack now."""

    left: int
    taken: int


def open_pack(session: Session, template_id: int, *, size: int, giver_id: int, now: datetime, token: str | None = None) -> Packed:
    """Put `size` of one's coupons of one template under one link; they leave the giver's hand at once.

    Raises BadRequestError for a size that is no pack, ConflictError when he has not as many to give, ForbiddenError when they cannot be given.
    """
    if not 2 <= size <= MOST:
        raise BadRequestError(f"一包 2 到 {MOST} 张 / a pack has 2 to {MOST} coupons", code="bad_size")
    chosen = packable(session, template_id, giver_id=giver_id, now=now)[:size]
    if len(chosen) < size:
        raise ConflictError("可转赠的券不够 / there are not that many to give", code="too_few")
    token = token or secrets.token_urlsafe(24)
    pack = CouponPack(
        public_id=new_public_id(),
        giver_id=giver_id,
        template_id=template_id,
        token_hash=hash_token(token),
        size=size,
        expires_at=min(now + OFFER_LIFE, *(each.expires_at for each in chosen)),
        created_at=now,
    )
    session.add(pack)
    session.flush()
    for each in chosen:
        gift = offer_coupon(session, each.public_id, giver_id=giver_id, now=now).gift
        gift.pack_id, gift.expires_at = pack.id, pack.expires_at
    session.flush()
    return Packed(pack, token)


def packable(session: Session, template_id: int, *, giver_id: int, now: datetime) -> Sequence[Coupon]:
    """One's coupons of a template that may go into a pack, by id."""
    whole = (Coupon.state == CouponState.ISSUED, Coupon.uses_left == Coupon.uses_total, Coupon.expires_at > now)
    query = select(Coupon).where(Coupon.customer_id == giver_id, Coupon.template_id == template_id, *whole)
    return session.scalars(query.order_by(Coupon.id).limit(MOST)).all()


def find_pack(session: Session, token: str) -> CouponPack | None:
    """The pack behind a link's token."""
    return session.scalar(select(CouponPack).where(CouponPack.token_hash == hash_token(token)))


def taken_by(session: Session, pack: CouponPack, customer_id: int) -> Coupon | None:
    """What this person took of a pack, if he did."""
    query = select(Coupon).join(CouponGift, CouponGift.coupon_id == Coupon.given_from_id)
    return session.scalar(query.where(CouponGift.pack_id == pack.id, CouponGift.taken_by_id == customer_id).limit(1))


def inside(session: Session, pack: CouponPack, *, now: datetime) -> Inside:
    """How many are left and how many were taken. For showing: only the guarded statement decides."""
    rows = session.execute(select(CouponGift.state, func.count()).where(CouponGift.pack_id == pack.id).group_by(CouponGift.state))
    counts = {str(row[0]): int(row[1]) for row in rows}
    return Inside(counts.get("offered", 0) if pack.expires_at > now else 0, counts.get("taken", 0))


def take_from_pack(session: Session, token: str, *, taker_id: int, registry: Registry, now: datetime, device: int | None = None) -> Coupon:
    """Take one of a pack: one for each person, by his phone number too. Taking twice is taking once.

    Raises NotFoundError for no such pack, ConflictError (own_gift, gift_over, limit_reached), ClaimRefusedError for who is kept out.
    """
    pack = find_pack(session, token)
    if pack is None:
        raise NotFoundError("没有这份礼包 / there is no such pack", code="no_gift")
    if pack.giver_id == taker_id:
        raise ConflictError("这是您自己送出的券 / you gave this one yourself", code="own_gift")
    person = session.get_one(Customer, taker_id)
    known = taken_by(session, pack, taker_id)
    if known is not None:
        return known
    check_taker(session, taker_id, device=device, now=now)
    if is_blocked(session, pack.giver_id, now=now):
        raise ConflictError("已被领完或已收回 / all are taken or recalled", code="gift_over")
    shares = [Guarded(f"pack:{pack.id}:person", 1, each) for each in same_people(session, person)]
    if take(session, shares) is not None:
        # His twin at another window may have been quicker by a moment.
        known = taken_by(session, pack, taker_id)
        if known is not None:
            return known
        raise ConflictError("每人限领一张 / one for each", code="limit_reached")
    for _ in range(pack.size):
        gift_id = session.scalar(_NEXT, {"pack": pack.id, "now": now})
        if gift_id is None:
            break
        gift = session.get_one(CouponGift, gift_id, populate_existing=True)
        coupon, template = lock_coupon(session, gift.coupon_id)
        # Between the look and the lock another friend may have taken it: then the next one.
        mine = hand_over(session, gift, coupon, template, taker_id=taker_id, registry=registry, now=now)
        if mine is not None:
            return mine
    raise ConflictError("已被领完或已收回 / all are taken or recalled", code="gift_over")


def recall_pack(session: Session, public_id: UUID, *, giver_id: int, now: datetime) -> int:
    """Take back what nobody has taken; says how many. Raises NotFoundError for a pack that is not his."""
    pack = session.scalar(select(CouponPack).where(CouponPack.public_id == public_id, CouponPack.giver_id == giver_id))
    if pack is None:
        raise NotFoundError("没有这份礼包 / there is no such pack", code="no_gift")
    pack.recalled_at = pack.recalled_at or now
    query = select(CouponGift).where(CouponGift.pack_id == pack.id, CouponGift.state == "offered").order_by(CouponGift.coupon_id)
    return sum(withdraw(session, gift, into="recalled", now=now) for gift in session.scalars(query).all())
