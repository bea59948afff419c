"""The review queue: what the defences caught, seen by whoever may decide there, released or refused once with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from app.core.errors import NotFoundError
from app.core.gate import see
from app.core.nouns import Customer, Store
from app.core.people import Staff
from app.core.registry import Registry
from app.core.secrets import KeyRing
from cards.fraud import judge
from cards.models.coupons import Coupon, CouponTemplate
from cards.models.orders import Purchase
from cards.models.redemption import Suspicion
from cards.orders import release_credit
from cards.tier_grants import sell_tiers

DECISIONS = {"release": "cleared", "refuse": "confirmed"}
"""What a supervisor says, and the state it leads to."""

KINDS: dict[str, tuple[str, str]] = {
    "own_coupon": ("为自己核销", "Redeemed for himself"),
    "own_purchase": ("为自己记账", "Booked for himself"),
    "own_credit": ("本店员工的订单，积分暂缓", "An order of this store's own staff; its points wait"),
    "blocked_credit": ("黑名单顾客的订单，积分暂缓", "An order of somebody on the blacklist; its points wait"),
    "many_for_one": ("同一店员一天内多次记给同一顾客，积分暂缓", "One clerk booked many orders for one customer in a day; its points wait"),
    "blocked": ("黑名单顾客用券", "Somebody on the blacklist used a coupon"),
    "too_often": ("核销过于频繁", "Redeemed too often"),
    "too_many_tries": ("反复输入券码", "Typed many codes"),
    "code_seen": ("出示过的动态码", "A moving code shown before"),
    "second_account": ("同一手机号的第二个账号领券", "A second account of one phone number claimed"),
    "many_on_one_phone": ("一部手机上多个账号领券", "Many accounts on one phone claimed"),
    "used_twice": ("微信和门店各用了一次", "Used on WeChat and here, too"),
}
"""Why something is in the queue, in Chinese and in English."""


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the queue. Customers are masked; `holds_points` says that an order's points wait for the verdict."""

    id: UUID
    kind: str
    why: tuple[str, str]
    at: datetime
    store: str
    by: str
    """The clerk it is about, empty when there was none."""
    who: str
    phone: str
    customer: UUID | None
    what: str
    """The coupon's name, or the order's number."""
    holds_points: bool
    detail: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For an answer."""
        return {
            "id": str(self.id),
            "kind": self.kind,
            "why": {"zh": self.why[0], "en": self.why[1]},
            "at": self.at.isoformat(),
            "store": self.store,
            "by": self.by,
            "customer": None if self.customer is None else {"id": str(self.customer), "name": self.who, "phone": self.phone},
            "what": self.what,
            "holds_points": self.holds_points,
            "detail": self.detail,
        }


def list_cases(session: Session, ring: KeyRing, *, store_id: int | None = None, limit: int = 50) -> list[Case]:
    """What waits for a verdict, oldest first: all of it, or what happened at one store."""
    clerk = aliased(Staff)
    query = (
        select(Suspicion, Store.name, clerk.name, Customer, CouponTemplate.name)
        .outerjoin(Store, Store.id == Suspicion.store_id)
        .outerjoin(clerk, clerk.id == Suspicion.staff_id)
        .outerjoin(Customer, Customer.id == Suspicion.customer_id)
        .outerjoin(Coupon, Coupon.id == Suspicion.coupon_id)
        .outerjoin(CouponTemplate, CouponTemplate.id == Coupon.template_id)
        .where(*_open(store_id))
        .order_by(Suspicion.at, Suspicion.id)
        .limit(min(max(limit, 1), 200))
    )
    return [_case(ring, tuple(row)) for row in session.execute(query)]


def count_cases(session: Session, *, store_id: int) -> int:
    """How many wait at a store."""
    return session.scalar(select(func.count()).select_from(Suspicion).where(*_open(store_id))) or 0


def decide(
    session: Session,
    public_id: UUID,
    *,
    decision: str,
    reason: str,
    actor: str,
    registry: Registry,
    now: datetime,
    staff_id: int | None = None,
    store_id: int | None = None,
) -> Suspicion:
    """Release or refuse a case, once, with a reason; a released order gets its points and the tiers it bought. With `store_id` only what happened there exists.

    Raises BadRequestError, NotFoundError, and ConflictError (already_judged, own_case, partly_returned).
    """
    if store_id is not None:
        here = select(Suspicion.id).where(Suspicion.public_id == public_id, Suspicion.store_id == store_id)
        if session.scalar(here) is None:
            raise NotFoundError("没有这条待审核 / there is no such case", code="no_suspicion")
    verdict = DECISIONS.get(decision, decision)
    case = judge(session, public_id, verdict=verdict, reason=reason, actor=actor, staff_id=staff_id, now=now)
    if case.purchase_id is not None and verdict == "cleared":
        release_credit(session, case.purchase_id, registry=registry, actor=actor, now=now)
        sell_tiers(session, session.get_one(Purchase, case.purchase_id), registry=registry, actor=actor, now=now)
    return case


def _open(store_id: int | None) -> list[ColumnElement[bool]]:
    # What has no store, such as a claim on a phone, is for those who see everything.
    return [Suspicion.state == "open", *([] if store_id is None else [Suspicion.store_id == store_id])]


def _case(ring: KeyRing, found: Sequence[Any]) -> Case:
    row, store, clerk, person, coupon = found
    seen = None if person is None else see(ring, person)
    return Case(
        id=row.public_id,
        kind=row.kind,
        why=KINDS.get(row.kind, (row.kind, row.kind)),
        at=row.at,
        store=store or "",
        by=clerk or "",
        who="" if seen is None else seen.name,
        phone="" if seen is None else seen.phone,
        customer=None if seen is None else seen.public_id,
        what=coupon or str(row.detail.get("order_no", "")),
        holds_points=row.purchase_id is not None,
        detail=row.detail,
    )
