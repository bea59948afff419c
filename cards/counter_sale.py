"""A whole sale at the counter in one transaction: the quote, what it uses, the purchase that earns, and the slip; and its taking back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import ConflictError, FankaError
from app.core.gate import is_own, see
from app.core.house import House
from app.core.idempotency import Answer, answer_once
from app.core.nouns import Customer, Store
from cards.checkout import MOST_NAMED, Points
from cards.coupons.asked import OrderIn
from cards.coupons.attempts import uniform, write_attempt, write_refusal
from cards.coupons.checkout import Basket, find_customer
from cards.coupons.holds import Settled, confirm_hold, hold_order, reverse_hold
from cards.coupons.undo import OWN_UNDO
from cards.coupons.use import lock_order
from cards.models.orders import Purchase
from cards.models.redemption import CouponHold
from cards.order_forms import OrderIn as PurchaseIn
from cards.order_forms import ReturnIn
from cards.order_reads import lines_of
from cards.order_returns import book_return
from cards.orders import Booked, book
from cards.redemption import check_override
from cards.refusals import RefusedError
from cards.slip import print_slip
from cards.till import Till

SOURCE = "pos"


class SaleIn(BaseModel):
    """What the counter was told and the customer agreed to: exactly the quote's coupons, points and balance, and what is left to pay."""

    model_config = ConfigDict(extra="forbid")

    attempt_id: UUID
    customer: UUID
    order: OrderIn
    coupons: Annotated[list[UUID], Field(max_length=MOST_NAMED)] = Field(default_factory=list)
    points: Points = 0
    value_fen: Points = 0
    to_pay_fen: Points
    sku: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
    slip_no: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    """The number as the slip shows it: without the store's code, short when the till gave none."""
    override: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """The counter a sale is made at: the till, how the books name its clerk, and whether he may override and reverse what others did."""

    till: Till
    booked_by: str
    terminal: str
    may_override: bool = False
    may_reverse: bool = False


def sell(house: House, wish: SaleIn, *, desk: Desk, programme_id: int, key: str, body: bytes) -> Answer:
    """Use what the quote says, book the purchase, and print the slip; all of it or nothing.

    The customer has shown his moving code at this counter: the caller has read the ticket of it.
    """
    till = desk.till

    def act(session: Session) -> Answer:
        now = house.clock.now()
        check_override(wish.override, supervisor=desk.may_override)
        customer = find_customer(session, wish.customer)
        _check_new(session, wish, till=till, customer=customer)
        basket = Basket(
            customer.id, programme_id, wish.order.read(), wish.coupons, wish.points, wish.value_fen, by_eye=True, override=wish.override
        )
        held = hold_order(session, basket, till=till, minutes=10, to_pay_fen=wish.to_pay_fen, now=now)
        settled = confirm_hold(session, held.public_id, till=till, registry=house.registry, now=now)
        booked = _book(session, house, wish, settled, desk=desk, customer=customer, programme_id=programme_id, now=now)
        write_attempt(session, "sell", "done", wish.attempt_id, till=till, now=now, wish=None)
        return Answer(200, _told(session, house, settled, booked, till=till, customer=customer, number=wish.slip_no, now=now))

    def refuse(session: Session, error: FankaError) -> Mapping[str, Any]:
        return write_refusal(session, house, "sell", error, wish.attempt_id, till=till, wish=None, public=False)

    return answer_once(house, client_id=till.client_id, key=key, body=body, act=uniform(act, public=False), refuse=refuse)


def take_sale_back(house: House, sale: UUID, *, reason: str, attempt_id: UUID, desk: Desk, key: str, body: bytes) -> Answer:
    """Give back everything a sale used and take its points: by the same clerk and device within 15 minutes, later by a supervisor with a reason."""
    till = desk.till

    def act(session: Session) -> Answer:
        now = house.clock.now()
        held = session.scalar(select(CouponHold).where(CouponHold.public_id == sale, CouponHold.store_id == till.store_id))
        if held is None:
            raise RefusedError("no_use")
        own = _check_right(held, reason, desk=desk, now=now)
        # A supervisor may stand at another device than the one that sold.
        at = till if own else _at_device_of(till, held)
        settled = reverse_hold(session, sale, reason=reason, supervisor=desk.may_reverse, till=at, registry=house.registry, now=now)
        _return_all(session, house, held, actor=desk.booked_by, now=now)
        if not own:
            detail = {"sale": str(sale), "reason": reason[:200]}
            note(session, at=now, actor=till.actor, action="sale.reversed", object_type="coupon_hold", object_id=sale, detail=detail)
        write_attempt(session, "unsell", "done", attempt_id, till=till, now=now, wish=None)
        return Answer(200, {"outcome": "done", "unsold": str(sale), "quote": settled.hold.quote})

    def refuse(session: Session, error: FankaError) -> Mapping[str, Any]:
        return write_refusal(session, house, "unsell", error, attempt_id, till=till, wish=None, public=False)

    return answer_once(house, client_id=till.client_id, key=key, body=body, act=uniform(act, public=False), refuse=refuse)


def _check_new(session: Session, wish: SaleIn, *, till: Till, customer: Customer) -> None:
    """Nobody sells to himself, and a slip is sold once. The order is locked from here on."""
    if till.staff_id is not None and is_own(session, till.staff_id, customer.id):
        raise ConflictError("不能为自己结账，请同事来 / nobody sells to himself; ask a colleague", code="own_purchase")
    number = wish.order.order_no
    assert number is not None, "a sale has a number"
    lock_order(session, f"{SOURCE}:{number}")
    known = select(Purchase.id).where(Purchase.source == SOURCE, Purchase.order_no == number)
    if session.scalar(known) is not None:
        raise ConflictError("这张小票已经结过账，请核对小票号 / this slip was sold or booked before; check its number", code="slip_known")


def _book(
    session: Session,
    house: House,
    wish: SaleIn,
    settled: Settled,
    *,
    desk: Desk,
    customer: Customer,
    programme_id: int,
    now: datetime,
) -> Booked:
    """The purchase: what coupons, tier and points paid is its discount; stored value is money that was paid before."""
    quote = settled.hold.quote
    total = int(quote["total_fen"])
    paid = int(quote["to_pay_fen"]) + int(quote["value_fen"])
    store = session.get_one(Store, desk.till.store_id)
    order = PurchaseIn.model_validate(
        {
            "source": SOURCE,
            "order_no": wish.order.order_no,
            "store": str(store.public_id),
            "terminal": desk.terminal,
            "paid_at": now,
            "customer": customer.public_id,
            "lines": [{"sku": wish.sku, "amount_fen": total, "discount_fen": total - paid}],
        }
    )
    return book(
        session,
        order,
        programme_id=programme_id,
        ring=house.ring,
        registry=house.registry,
        actor=desk.booked_by,
        now=now,
        unit_id=desk.till.unit_id,
    )


def _told(
    session: Session, house: House, settled: Settled, booked: Booked, *, till: Till, customer: Customer, number: str, now: datetime
) -> dict[str, Any]:
    held, seen = settled.hold, see(house.ring, customer)
    store = session.get_one(Store, held.store_id)
    later = [each.available_from for each in booked.earned if each.available_from > now]
    slip = print_slip(
        store=store.name,
        quote=held.quote,
        at=now,
        clerk=till.actor,
        number=number,
        member=" ".join(filter(None, (seen.name, seen.phone))),
        points=booked.points,
    )
    return {
        "outcome": "done",
        "sale": str(held.public_id),
        "customer": {"id": str(customer.public_id), "name": seen.name, "phone": seen.phone, "tier": held.quote["tier"] or ""},
        "quote": held.quote,
        "order_no": number,
        "points": booked.points,
        "points_from": min(later).isoformat() if later else None,
        "slip": slip,
        "at": now.isoformat(),
        "store": store.name,
        "by": till.actor,
        "undo_until": (now + OWN_UNDO).isoformat(),
    }


def _check_right(held: CouponHold, reason: str, *, desk: Desk, now: datetime) -> bool:
    till = desk.till
    same = held.client_id == till.client_id and held.staff_id == till.staff_id and held.device_id == till.device_id
    if same and held.settled_at is not None and now - held.settled_at <= OWN_UNDO:
        return True
    if not desk.may_reverse:
        raise RefusedError("undo_too_late")
    if not reason.strip():
        raise RefusedError("reason_needed")
    return False


def _at_device_of(till: Till, held: CouponHold) -> Till:
    return Till(held.client_id, till.actor, till.store_id, till.unit_id, till.staff_id, till.staff, till.device_id, till.address)


def _return_all(session: Session, house: House, held: CouponHold, *, actor: str, now: datetime) -> None:
    """The purchase comes back whole. What came back by itself before stays as it was."""
    source, number = held.order_key.split(":", 1)
    purchase = session.scalar(select(Purchase).where(Purchase.source == source, Purchase.order_no == number))
    if purchase is None:
        return
    left = [
        {"line_no": line.line_no, "quantity": line.quantity - line.returned_qty}
        for line in lines_of(session, purchase.id)
        if line.quantity > line.returned_qty
    ]
    if left:
        back = ReturnIn.model_validate({"return_no": f"sale:{held.public_id}", "returned_at": now, "lines": left})
        book_return(session, back, source=source, order_no=number, registry=house.registry, actor=actor, now=now)
