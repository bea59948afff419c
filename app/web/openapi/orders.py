"""Orders and returns over the API: `POST /orders` and `POST /orders/{source}/{order_no}/returns`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIFlask
from flask import Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFoundError
from app.core.idempotency import Answer
from app.core.nouns import Customer
from app.core.unit import reading
from app.web.openapi.door import Call, Client, Door, client, reply
from cards.models.orders import SOURCES, Purchase
from cards.order_forms import OrderIn, ReturnIn
from cards.order_reads import find_order, lines_of
from cards.order_returns import book_return
from cards.orders import Booked, earned_of
from cards.pay_matching import book_paid

SCOPE = "orders:write"


class EarnedOut(BaseModel):
    """What one rule gave."""

    rule: str
    rule_id: UUID
    points: int
    taken_back: int
    available_from: datetime
    expires_at: datetime | None


class LineOut(BaseModel):
    """A line, and how many of it came back."""

    line_no: int
    sku: str
    category: str
    quantity: int
    returned_qty: int
    amount_fen: int
    discount_fen: int
    is_reward: bool


class OrderOut(BaseModel):
    """An order on record. `customer` is null while nobody with its phone is known."""

    id: UUID
    source: str
    order_no: str
    customer: UUID | None
    paid_at: datetime
    total_fen: int
    points: int
    earned: list[EarnedOut]
    lines: list[LineOut]


class ReturnOut(BaseModel):
    """A return on record."""

    id: UUID
    return_no: str
    refund_fen: int
    points_taken_back: int
    order: OrderOut


def add_routes(api: APIFlask, door: Door) -> None:
    """Put the calls about orders on the API."""
    _add_booking(api, door)
    _add_returns(api, door)
    _add_reading(api, door)


def _add_booking(api: APIFlask, door: Door) -> None:
    house = door.house

    @door.writes(api, Call("/orders", SCOPE, "orders", "Book an order", OrderIn, OrderOut, "The order was on record already."))
    def post_order(session: Session, caller: Client, wish: OrderIn) -> Answer:
        """Put an order on record and post its points. The same order again, even under a new key, answers 200 and posts nothing."""
        booked = book_paid(
            session,
            wish,
            programme_id=caller.programme_id,
            ring=house.ring,
            registry=house.registry,
            actor=caller.actor,
            now=house.clock.now(),
            unit_id=caller.unit_id,
        )
        return Answer(201 if booked.fresh else 200, _order(session, booked))


def _add_returns(api: APIFlask, door: Door) -> None:
    house = door.house

    @door.writes(
        api,
        Call(
            "/orders/<source>/<order_no>/returns",
            SCOPE,
            "orders",
            "Book a return",
            ReturnIn,
            ReturnOut,
            "The return was on record already.",
        ),
    )
    def post_return(session: Session, caller: Client, wish: ReturnIn, source: str, order_no: str) -> Answer:
        """Put goods that came back on record and take back the points of their lines."""
        _check_place(source, order_no)
        done = book_return(
            session,
            wish,
            source=source,
            order_no=order_no,
            registry=house.registry,
            actor=caller.actor,
            now=house.clock.now(),
            unit_id=caller.unit_id,
            programme_id=caller.programme_id,
        )
        shown = _order(session, Booked(done.purchase, earned_of(session, done.purchase.id), fresh=False))
        said = {
            "id": str(done.row.public_id),
            "return_no": done.row.return_no,
            "refund_fen": done.row.refund_fen,
            "points_taken_back": done.taken_back,
            "order": shown,
        }
        return Answer(201 if done.fresh else 200, said)


def _add_reading(api: APIFlask, door: Door) -> None:
    house = door.house

    @api.get("/orders/<source>/<order_no>")
    @api.doc(summary="Read an order", tags=["orders"], security="key")
    @door.needs(SCOPE)
    @api.output(OrderOut)
    def get_order(source: str, order_no: str) -> Response:
        """An order with its lines and what it has earned."""
        caller = client()
        _check_place(source, order_no)
        with reading(house.engine, timeout_ms=5000) as session:
            purchase = find_order(session, source=source, order_no=order_no, unit_id=caller.unit_id, programme_id=caller.programme_id)
            return reply(_order(session, Booked(purchase, earned_of(session, purchase.id), fresh=False)))


def _check_place(source: str, order_no: str) -> None:
    if source not in SOURCES or not 1 <= len(order_no) <= 64 or not order_no.isprintable() or not order_no.isascii():
        raise NotFoundError("没有这个订单 / there is no such order", code="no_order")


def _order(session: Session, booked: Booked) -> dict[str, Any]:
    purchase: Purchase = booked.purchase
    customer = None
    if purchase.customer_id is not None:
        customer = session.scalar(select(Customer.public_id).where(Customer.id == purchase.customer_id))
    return {
        "id": str(purchase.public_id),
        "source": purchase.source,
        "order_no": purchase.order_no,
        "customer": None if customer is None else str(customer),
        "paid_at": purchase.paid_at.isoformat(),
        "total_fen": purchase.total_fen,
        "points": booked.points,
        "earned": [
            {
                "rule": each.rule,
                "rule_id": str(each.rule_id),
                "points": each.points,
                "taken_back": each.taken_back,
                "available_from": each.available_from.isoformat(),
                "expires_at": each.expires_at and each.expires_at.isoformat(),
            }
            for each in booked.earned
        ],
        "lines": [
            {
                "line_no": line.line_no,
                "sku": line.sku,
                "category": line.category,
                "quantity": line.quantity,
                "returned_qty": line.returned_qty,
                "amount_fen": line.amount_fen,
                "discount_fen": line.discount_fen,
                "is_reward": line.is_reward,
            }
            for line in lines_of(session, purchase.id)
        ],
    }
