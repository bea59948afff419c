"""Voiding: one coupon with a reason, or everything of a bulk issue that nobody has used."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.nouns import Customer
from cards.coupons.claim import limits
from cards.coupons.gifts import withdraw
from cards.coupons.use import lock_coupon
from cards.coupons.worth import budget_guards, return_worth
from cards.fraud import claim_limits
from cards.guards import give_back, lock_shared
from cards.models.coupons import Coupon, CouponBatch, CouponGift, CouponTemplate

_VOID = text(
    """
    UPDATE coupon SET state = 'voided', hold_id = NULL, held_until = NULL, changed_at = :now
    WHERE id = :id AND (state = 'issued' OR (state = 'held' AND held_until <= :now))
    """
)

# What a bulk issue gave, and what friends hold of it now.
_FAMILY = """
    WITH RECURSIVE family(id) AS (
        SELECT id FROM coupon WHERE batch_id = :batch
        UNION ALL
        SELECT coupon.id FROM family JOIN coupon ON coupon.given_from_id = family.id
    )
"""
_OFFERED = text(
    f"""{_FAMILY}
    SELECT gift.* FROM coupon_gift AS gift JOIN family ON family.id = gift.coupon_id WHERE gift.state = 'offered' ORDER BY gift.coupon_id
    """  # noqa: S608 - only the constant above is put in.
)
_OPEN = text(
    f"""{_FAMILY}
    SELECT coupon.id FROM family JOIN coupon USING (id) WHERE coupon.state IN ('issued', 'held') ORDER BY coupon.id
    """  # noqa: S608 - only the constant above is put in.
)


def void_coupon(session: Session, coupon_id: UUID, *, reason: str, actor: str, now: datetime, return_stock: bool = False) -> Coupon:
    """Make one coupon worthless. `return_stock` lets another take its place: stock and the person's own limit get it back.

    Raises BadRequestError without a reason, NotFoundError, ConflictError when it is used, held at a till, or over.
    """
    if not reason.strip():
        raise BadRequestError("作废要写原因 / say why", code="reason_needed")
    found = session.scalar(select(Coupon.id).where(Coupon.public_id == coupon_id))
    if found is None:
        raise NotFoundError("没有这张券 / there is no such coupon", code="no_coupon")
    coupon, template = lock_coupon(session, found)
    if not _void(session, coupon, template, claimed=_claimed(session, coupon), return_stock=return_stock, now=now):
        raise ConflictError("这张券已用、占用中或已结束 / it is used, held or over", code="not_voidable")
    detail = {"reason": reason.strip()[:200], "return_stock": return_stock}
    note(session, at=now, actor=actor, action="coupon.voided", object_type="coupon", object_id=coupon.public_id, detail=detail)
    return coupon


def recall_batch(session: Session, batch_id: UUID, *, reason: str, actor: str, now: datetime) -> int:
    """Void what a bulk issue gave and nobody used, and stop it if it still runs; says how many coupons. Stock and limits get them back.

    What was offered to a friend is taken back first, and what friends took is voided in their hands. What a till holds is voided when it lets go.

    Raises BadRequestError without a reason, NotFoundError.
    """
    if not reason.strip():
        raise BadRequestError("收回要写原因 / say why", code="reason_needed")
    batch = session.scalar(select(CouponBatch).where(CouponBatch.public_id == batch_id).with_for_update())
    if batch is None:
        raise NotFoundError("没有这批券 / there is no such batch", code="no_batch")
    batch.state, batch.finished_at = "recalled", batch.finished_at or now
    session.flush()
    for gift in session.scalars(select(CouponGift).from_statement(_OFFERED), {"batch": batch.id}).all():
        withdraw(session, gift, into="recalled", now=now)
    voided = 0
    for coupon_id in session.scalars(_OPEN, {"batch": batch.id}).all():
        coupon, template = lock_coupon(session, coupon_id)
        voided += _void(session, coupon, template, claimed=_claimed(session, coupon), return_stock=True, now=now)
    detail = {"reason": reason.strip()[:200], "voided": voided}
    note(session, at=now, actor=actor, action="coupon_batch.recalled", object_type="coupon_batch", object_id=batch_id, detail=detail)
    return voided


def _claimed(session: Session, coupon: Coupon) -> Coupon:
    """The coupon as it was claimed: a friend's own stands in its place."""
    while coupon.given_from_id is not None:
        coupon = session.get_one(Coupon, coupon.given_from_id)
    return coupon


def _void(session: Session, coupon: Coupon, template: CouponTemplate, *, claimed: Coupon, return_stock: bool, now: datetime) -> bool:
    """Void a locked coupon; False when its state does not allow it. Its place goes back to who claimed it, of that day and phone, not to a friend."""
    moved = session.execute(_VOID, {"id": coupon.id, "now": now})
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
        return False
    if return_stock:
        person = session.get_one(Customer, claimed.customer_id)
        shares = claim_limits(template, claimed.device, now=claimed.issued_at)
        taken = limits(session, template, person, now=claimed.issued_at)
        lock_shared(session, [*taken, *budget_guards(template)])
        give_back(session, [*taken, *shares])
        return_worth(session, template, coupon)
    session.refresh(coupon)
    return True
