"""First defences: nobody redeems for himself or too often, one phone is not many people, and what they catch waits for a person to judge."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.clock import SHANGHAI, business_day
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.gate import is_own
from cards.blocks import is_blocked
from cards.guards import Guarded, give_back, take
from cards.models.coupons import Coupon, CouponTemplate
from cards.models.redemption import Suspicion
from cards.refusals import RefusedError
from cards.till import Till

MOST_PER_CUSTOMER_DAY = 20
MOST_PER_CLERK_HOUR = 120
MOST_PER_DEVICE_HOUR = 240
ACCOUNTS_PER_DEVICE = 2
"""How many people may claim one template's share on one phone: a family has one in its hand."""
MOST_CLAIMS_PER_DEVICE_DAY = 20
VERDICTS = ("cleared", "confirmed")


def check_own(session: Session, till: Till, *, customer_id: int, coupon_id: int | None) -> None:
    """A clerk cannot redeem for himself: his phone number is the customer's. Raises RefusedError (own_coupon)."""
    if till.staff_id is not None and is_own(session, till.staff_id, customer_id):
        raise RefusedError("own_coupon", coupon_id=coupon_id)


def check_block(session: Session, coupon: Coupon, *, now: datetime) -> None:
    """Who is on the blacklist redeems nothing, nor does anybody what was claimed on a phone that is. Raises RefusedError (blocked)."""
    if is_blocked(session, coupon.customer_id, now=now, device=coupon.device):
        raise RefusedError("blocked", coupon_id=coupon.id)


def claim_limits(template: CouponTemplate, device: int | None, *, now: datetime) -> list[Guarded]:
    """What one claim takes of its phone's share: of this template, and of the day."""
    if device is None:
        return []
    guards = [Guarded("claim:device", MOST_CLAIMS_PER_DEVICE_DAY, device, business_day(now).isoformat(), refusal="person_day")]
    if template.per_person is not None:
        guards.append(Guarded(f"template:{template.id}:device", template.per_person * ACCOUNTS_PER_DEVICE, device, refusal="person"))
    return guards


def doubt_claim(refused: Guarded, customer_id: int) -> str:
    """What a person should look at when this count refused a claim; empty for an honest limit."""
    if refused.scope.endswith(":device"):
        return "many_on_one_phone"
    return "second_account" if refused.scope.endswith(":person") and refused.subject != customer_id else ""


def suspect_claim(session: Session, doubt: str, *, customer_id: int, device: int | None, now: datetime) -> Suspicion | None:
    """Put a refused claim into the review queue, once as long as it waits there; None when it does already."""
    held = select(Suspicion.id).where(Suspicion.kind == doubt, Suspicion.customer_id == customer_id, Suspicion.state == "open")
    if session.scalar(held.limit(1)) is not None:
        return None
    detail = {} if device is None else {"device": str(device)}
    row = Suspicion(kind=doubt, customer_id=customer_id, detail=detail, at=now)
    session.add(row)
    session.flush()
    return row


def take_turn(session: Session, till: Till, *, customer_id: int, coupon_id: int, now: datetime) -> None:
    """Count one redemption for its customer, clerk and device. Raises RefusedError (too_often) past a limit."""
    passed = take(session, _velocity(till, customer_id=customer_id, now=now))
    if passed is not None:
        raise RefusedError("too_often", coupon_id=coupon_id, told={"limit": passed.scope})


def give_turn_back(session: Session, till: Till, *, customer_id: int, used_at: datetime) -> None:
    """A reversal in good time gives its turn back, so that a slip of the finger does not count against anybody."""
    give_back(session, _velocity(till, customer_id=customer_id, now=used_at))


SUSPICIOUS = {"own_coupon", "too_often", "code_seen", "too_many_tries", "blocked"}
"""Refusals that a person should see."""


def suspect(
    session: Session, kind: str, *, till: Till, now: datetime, customer_id: int | None, coupon_id: int | None, detail: dict[str, Any]
) -> Suspicion:
    """Put something into the review queue. It changes nothing by itself."""
    row = Suspicion(
        kind=kind[:32],
        customer_id=customer_id,
        staff_id=till.staff_id,
        device_id=till.device_id,
        store_id=till.store_id,
        coupon_id=coupon_id,
        detail=detail,
        at=now,
    )
    session.add(row)
    session.flush()
    return row


def open_suspicions(session: Session, *, store_ids: Sequence[int] | None = None, limit: int = 50) -> list[Suspicion]:
    """What waits to be judged, oldest first; of some stores, or of all."""
    query = select(Suspicion).where(Suspicion.state == "open").order_by(Suspicion.at, Suspicion.id).limit(min(max(limit, 1), 200))
    if store_ids is not None:
        query = query.where(Suspicion.store_id.in_(store_ids))
    return list(session.scalars(query))


def judge(session: Session, public_id: UUID, *, verdict: str, reason: str, actor: str, staff_id: int | None, now: datetime) -> Suspicion:
    """Clear or confirm a suspicion, once, with a reason. Nobody judges himself, neither what he did at the counter nor what he bought there.

    Raises BadRequestError, NotFoundError, and ConflictError when it is judged already or is about the judge.
    """
    if verdict not in VERDICTS or not reason.strip():
        raise BadRequestError("a verdict is cleared or confirmed, with a reason", code="bad_verdict")
    row = session.scalar(select(Suspicion).where(Suspicion.public_id == public_id))
    if row is None:
        raise NotFoundError("there is no such case", code="no_suspicion")
    if staff_id is not None and (row.staff_id == staff_id or (row.customer_id is not None and is_own(session, staff_id, row.customer_id))):
        raise ConflictError("nobody judges his own case", code="own_case")
    values = {"state": verdict, "judged_at": now, "judged_by": actor[:64], "verdict": reason.strip()[:200]}
    moved = session.execute(update(Suspicion).where(Suspicion.id == row.id, Suspicion.state == "open").values(values))
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE answers with a cursor result.
        raise ConflictError("it is judged already", code="already_judged")
    session.refresh(row)
    detail = {"kind": row.kind, "verdict": verdict, "reason": reason.strip()[:200]}
    note(session, at=now, actor=actor, action="suspicion.judged", object_type="suspicion", object_id=public_id, detail=detail)
    return row


def _velocity(till: Till, *, customer_id: int, now: datetime) -> list[Guarded]:
    day = business_day(now).isoformat()
    hour = now.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H")
    guards = [Guarded("redeem:customer", MOST_PER_CUSTOMER_DAY, customer_id, day)]
    if till.staff_id is not None:
        guards.append(Guarded("redeem:clerk", MOST_PER_CLERK_HOUR, till.staff_id, hour))
    if till.device_id is not None:
        guards.append(Guarded("redeem:device", MOST_PER_DEVICE_HOUR, till.device_id, hour))
    return guards
