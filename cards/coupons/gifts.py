"""Giving a coupon to a friend: an offer by link, taken once, recalled before that, lapsed after three days."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.errors import ConflictError, ForbiddenError, NotFoundError
from app.core.facts import record
from app.core.ids import new_public_id
from app.core.registry import Registry
from cards.codes import new_code, new_number
from cards.coupons.claim import Claim, Path, claimed_fact
from cards.coupons.use import lock_coupon
from cards.models.coupons import Coupon, CouponGift, CouponState, CouponTemplate

OFFER_LIFE = timedelta(days=3)
_LEAVE = text(
    """
    UPDATE coupon SET state = 'given', hold_id = NULL, held_until = NULL, changed_at = :now
    WHERE id = :id AND expires_at > :now AND uses_left = uses_total AND (state = 'issued' OR (state = 'held' AND held_until <= :now))
    """
)
_RETURN = text(
    """
    UPDATE coupon SET state = CASE WHEN expires_at > :now THEN 'issued' ELSE 'expired' END, changed_at = :now
    WHERE id = :id AND state = 'given'
    """
)
_SETTLE = text(
    """
    UPDATE coupon_gift SET state = :into, taken_by_id = :taker, settled_at = :now
    WHERE id = :id AND state = 'offered' AND (:into = 'lapsed' OR expires_at > :now)
    """
)


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer and the token of its link, which is known here this once."""

    gift: CouponGift
    token: str


def offer_coupon(session: Session, coupon_id: UUID, *, giver_id: int, now: datetime) -> Offered:
    """Offer one's coupon: it leaves the giver's hand at once and cannot be used meanwhile.

    Raises NotFoundError for a coupon that is not his, ForbiddenError when its template does not allow it, ConflictError when it is used or over.
    """
    found = session.scalar(select(Coupon.id).where(Coupon.public_id == coupon_id, Coupon.customer_id == giver_id))
    if found is None:
        raise NotFoundError("没有这张券 / there is no such coupon", code="no_coupon")
    coupon, template = lock_coupon(session, found)
    if not template.giveable:
        raise ForbiddenError("这张券不能转赠 / this coupon cannot be given away", code="not_giveable")
    moved = session.execute(_LEAVE, {"id": coupon.id, "now": now})
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
        raise ConflictError("这张券现在不能转赠 / this coupon cannot be given away now", code="not_giveable_now")
    token = secrets.token_urlsafe(24)
    gift = CouponGift(
        coupon_id=coupon.id,
        giver_id=giver_id,
        token_hash=_hash(token),
        state="offered",
        expires_at=min(now + OFFER_LIFE, coupon.expires_at),
        created_at=now,
    )
    session.add(gift)
    session.flush()
    session.refresh(coupon)
    return Offered(gift, token)


def take_gift(session: Session, token: str, *, taker_id: int, registry: Registry, now: datetime) -> Coupon:
    """Take an offered coupon: the friend gets one of his own, with another code and the same last day; the giver's code is dead.

    Taking it twice is taking it once. Raises NotFoundError for no such offer or one that is over, ConflictError when another friend was quicker
    or it is the giver himself.
    """
    gift = _find(session, token)
    coupon, template = lock_coupon(session, gift.coupon_id)
    session.refresh(gift)
    if gift.taken_by_id == taker_id:
        return session.scalars(select(Coupon).where(Coupon.given_from_id == coupon.id)).one()
    if gift.giver_id == taker_id:
        raise ConflictError("这是您自己送出的券 / you gave this one yourself", code="own_gift")
    moved = session.execute(_SETTLE, {"id": gift.id, "into": "taken", "taker": taker_id, "now": now})
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
        raise ConflictError("这张券已被领走或已收回 / it was taken or recalled", code="gift_over")
    mine = _pass_on(coupon, template, taker_id=taker_id, gift=gift, now=now)
    session.add(mine)
    session.flush()
    wish = Claim(taker_id, Path.GIFT, mine.cause_key, "friend")
    record(session, [claimed_fact(template, mine, wish, now=now)], registry=registry, now=now)
    return mine


def recall_gift(session: Session, gift_id: UUID, *, giver_id: int, now: datetime) -> Coupon:
    """Take an offer back before anybody took it. Raises NotFoundError for an offer that is not his, ConflictError when it is over."""
    gift = session.scalar(select(CouponGift).where(CouponGift.public_id == gift_id, CouponGift.giver_id == giver_id))
    if gift is None:
        raise NotFoundError("没有这次转赠 / there is no such gift", code="no_gift")
    coupon, _ = lock_coupon(session, gift.coupon_id)
    moved = session.execute(_SETTLE, {"id": gift.id, "into": "recalled", "taker": None, "now": now})
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
        raise ConflictError("这张券已被领走或已收回 / it was taken or recalled", code="gift_over")
    session.execute(_RETURN, {"id": coupon.id, "now": now})
    session.refresh(coupon)
    return coupon


def lapse_gifts(session: Session, *, now: datetime, limit: int = 500) -> int:
    """Offers that nobody took in time go back to their givers; says how many. May run twice."""
    query = (
        select(CouponGift).where(CouponGift.state == "offered", CouponGift.expires_at <= now).order_by(CouponGift.coupon_id).limit(limit)
    )
    lapsed = 0
    for gift in session.scalars(query).all():
        lock_coupon(session, gift.coupon_id)
        moved = session.execute(_SETTLE, {"id": gift.id, "into": "lapsed", "taker": None, "now": now})
        if moved.rowcount == 1:  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
            session.execute(_RETURN, {"id": gift.coupon_id, "now": now})
            lapsed += 1
    return lapsed


def _find(session: Session, token: str) -> CouponGift:
    gift = session.scalar(select(CouponGift).where(CouponGift.token_hash == _hash(token)))
    if gift is None:
        raise NotFoundError("没有这次转赠 / there is no such gift", code="no_gift")
    return gift


def _pass_on(coupon: Coupon, template: CouponTemplate, *, taker_id: int, gift: CouponGift, now: datetime) -> Coupon:
    return Coupon(
        public_id=new_public_id(),
        template_id=template.id,
        customer_id=taker_id,
        code=new_code(),
        number=new_number(),
        cause_key=f"gift:{gift.public_id}",
        path=Path.GIFT,
        given_from_id=coupon.id,
        state=CouponState.ISSUED,
        valid_from=coupon.valid_from,
        expires_at=coupon.expires_at,
        uses_total=coupon.uses_total,
        uses_left=coupon.uses_left,
        issued_at=now,
        changed_at=now,
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
