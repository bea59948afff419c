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
from cards.blocks import is_blocked
from cards.codes import new_code, new_number
from cards.coupons.claim import NOT_NOW, Claim, ClaimRefusedError, Path, claimed_fact
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


def offer_coupon(session: Session, coupon_id: UUID, *, giver_id: int, now: datetime, token: str | None = None) -> Offered:
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
    # Who is on the blacklist gives nothing to a friend who would use it for him; he is not told.
    if moved.rowcount != 1 or is_blocked(session, giver_id, now=now, device=coupon.device):  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
        raise ConflictError("这张券现在不能转赠 / this coupon cannot be given away now", code="not_giveable_now")
    token = token or secrets.token_urlsafe(24)
    gift = CouponGift(
        coupon_id=coupon.id,
        giver_id=giver_id,
        token_hash=hash_token(token),
        state="offered",
        expires_at=min(now + OFFER_LIFE, coupon.expires_at),
        created_at=now,
    )
    session.add(gift)
    session.flush()
    session.refresh(coupon)
    return Offered(gift, token)


def take_gift(session: Session, token: str, *, taker_id: int, registry: Registry, now: datetime, device: int | None = None) -> Coupon:
    """Take an offered coupon: the friend gets one of his own, with another code and the same last day; the giver's code is dead.

    Taking it twice is taking it once. Raises NotFoundError for no such offer or one that is over, ConflictError when another friend was quicker
    or it is the giver himself, ClaimRefusedError for who is kept out.
    """
    gift = find_gift(session, token)
    if gift is None:
        raise NotFoundError("没有这次转赠 / there is no such gift", code="no_gift")
    coupon, template = lock_coupon(session, gift.coupon_id)
    session.refresh(gift)
    if gift.taken_by_id == taker_id:
        return session.scalars(select(Coupon).where(Coupon.given_from_id == coupon.id)).one()
    if gift.giver_id == taker_id:
        raise ConflictError("这是您自己送出的券 / you gave this one yourself", code="own_gift")
    check_taker(session, taker_id, device=device, now=now)
    if is_blocked(session, gift.giver_id, now=now):
        raise ConflictError("这张券已被领走或已收回 / it was taken or recalled", code="gift_over")
    mine = hand_over(session, gift, coupon, template, taker_id=taker_id, registry=registry, now=now)
    if mine is None:
        raise ConflictError("这张券已被领走或已收回 / it was taken or recalled", code="gift_over")
    return mine


def check_taker(session: Session, taker_id: int, *, device: int | None, now: datetime) -> None:
    """Who is on the blacklist takes no gifts either. Raises ClaimRefusedError, in the words of every refused claim."""
    if is_blocked(session, taker_id, now=now, device=device):
        raise ClaimRefusedError(NOT_NOW, code="not_claimable")


def hand_over(
    session: Session, gift: CouponGift, coupon: Coupon, template: CouponTemplate, *, taker_id: int, registry: Registry, now: datetime
) -> Coupon | None:
    """Settle an offer whose coupon is locked: the friend's own coupon; None when the offer is open no more."""
    moved = session.execute(_SETTLE, {"id": gift.id, "into": "taken", "taker": taker_id, "now": now})
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
        return None
    session.refresh(gift)
    mine = pass_on(coupon, template, taker_id=taker_id, key=f"gift:{gift.public_id}", path=Path.GIFT, now=now)
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
        lapsed += withdraw(session, gift, into="lapsed", now=now)
    return lapsed


def withdraw(session: Session, gift: CouponGift, *, into: str, now: datetime) -> bool:
    """Give an open offer's coupon back to its giver; False when it is open no more."""
    lock_coupon(session, gift.coupon_id)
    moved = session.execute(_SETTLE, {"id": gift.id, "into": into, "taker": None, "now": now})
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
        return False
    session.execute(_RETURN, {"id": gift.coupon_id, "now": now})
    return True


def find_gift(session: Session, token: str) -> CouponGift | None:
    """The offer behind a link's token."""
    return session.scalar(select(CouponGift).where(CouponGift.token_hash == hash_token(token)))


def open_offers(session: Session, *, giver_id: int, now: datetime) -> list[tuple[CouponGift, Coupon, CouponTemplate]]:
    """What one has offered and nobody has taken yet, the latest first."""
    query = (
        select(CouponGift, Coupon, CouponTemplate)
        .join(Coupon, Coupon.id == CouponGift.coupon_id)
        .join(CouponTemplate, CouponTemplate.id == Coupon.template_id)
        .where(CouponGift.giver_id == giver_id, CouponGift.state == "offered", CouponGift.expires_at > now)
        .order_by(CouponGift.id.desc())
        .limit(200)
    )
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def pass_on(coupon: Coupon, template: CouponTemplate, *, taker_id: int, key: str, path: Path, now: datetime) -> Coupon:
    """The friend's own coupon in place of one that has left its giver's hand: another code, the same days and uses."""
    return Coupon(
        public_id=new_public_id(),
        template_id=template.id,
        customer_id=taker_id,
        code=new_code(),
        number=new_number(),
        cause_key=key,
        path=path,
        given_from_id=coupon.id,
        state=CouponState.ISSUED,
        valid_from=coupon.valid_from,
        expires_at=coupon.expires_at,
        uses_total=coupon.uses_total,
        uses_left=coupon.uses_left,
        own_terms=coupon.own_terms,
        issued_at=now,
        changed_at=now,
    )


def hash_token(token: str) -> str:
    """What is kept of a link's token."""
    return hashlib.sha256(token.encode()).hexdigest()
