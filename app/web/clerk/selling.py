"""A whole sale at the counter: one quote over coupons, tier, points and balance, booked as it was told, with its slip, and taken back."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from flask import Blueprint
from pydantic import Field

from app.core.gate import Right, demand
from app.core.logins import Presence
from app.core.unit import reading
from app.web.clerk.door import Answered, Door, Form, answered, idempotency_key
from app.web.clerk.purchases import COUNTER_SKU, number_of
from app.web.clerk.till import till_of
from cards.codes import MEMBER
from cards.counter_report import BOOKED_BY
from cards.counter_sale import Desk, SaleIn, sell, take_sale_back
from cards.coupons.asked import OrderIn
from cards.coupons.checkout import Basket, find_customer, price, tell_quote
from cards.coupons.conditions import Order
from cards.coupons.recognise import read_ticket
from cards.membership import only_programme
from cards.redemption import check_override
from cards.refusals import OVERRIDABLE, SENTENCES, RefusedError
from cards.till import Till

_MOST = 20


class AskForm(Form):
    """`coupons` left out: the combination that saves most. `points` and `value`: whether the member wants to use them."""

    ticket: str = Field(max_length=128)
    total_fen: int = Field(gt=0, le=10**9)
    coupons: list[UUID] | None = Field(default=None, max_length=_MOST)
    points: bool = False
    value: bool = False
    override: str = Field(default="", max_length=200)


class SellForm(Form):
    """Exactly what the quote said."""

    ticket: str = Field(max_length=128)
    total_fen: int = Field(gt=0, le=10**9)
    coupons: list[UUID] = Field(default_factory=list, max_length=_MOST)
    points: int = Field(default=0, ge=0, le=10**12)
    value_fen: int = Field(default=0, ge=0, le=10**12)
    to_pay_fen: int = Field(ge=0, le=10**9)
    order_no: str = Field(default="", max_length=40, pattern=r"^[\x21-\x7e]*$")
    sku: str = Field(default="", max_length=64)
    override: str = Field(default="", max_length=200)


class UnsellForm(Form):
    sale: UUID
    reason: str = Field(default="", max_length=200)


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`sale/quote`, `sale` and `sale/undo`."""
    house = door.house

    def ask() -> Answered:
        """The one quote. Nothing is written: the clerk is still typing."""
        form = door.read(AskForm)
        presence, till = _till(door)
        check_override(form.override, supervisor=Right.OVERRIDE in presence.rights)
        with reading(house.engine) as session:
            now = house.clock.now()
            customer = find_customer(session, _member(door, form.ticket, till=till, now=now))
            wishes = {"points": None if form.points else 0, "value_fen": None if form.value else 0}
            programme_id = only_programme(session).id
            basket = Basket(
                customer.id, programme_id, Order(total_fen=form.total_fen), form.coupons, by_eye=True, override=form.override, **wishes
            )
            told = tell_quote(session, price(session, basket, till=till, now=now))
            return {**told, "refused": [{**each, **_why(each["code"])} for each in told["refused"]]}

    def make() -> Answered:
        form, key = door.read(SellForm), idempotency_key()
        presence, till = _till(door)
        with reading(house.engine) as session:
            programme_id = only_programme(session).id
        wish = SaleIn(
            attempt_id=UUID(key),
            customer=_member(door, form.ticket, till=till, now=house.clock.now()),
            order=OrderIn(order_no=number_of(presence, form.order_no, key=key), total_fen=form.total_fen),
            coupons=form.coupons,
            points=form.points,
            value_fen=form.value_fen,
            to_pay_fen=form.to_pay_fen,
            sku=form.sku or COUNTER_SKU,
            slip_no=form.order_no or key[-8:].upper(),
            override=form.override,
        )
        # The ticket is how the clerk came to the member; a later repeat may carry a fresh one.
        body = orjson.dumps(wish.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        answer = sell(house, wish, desk=_desk(presence, till), programme_id=programme_id, key=key, body=body)
        return answered(answer, {**answer.body, "attempt": key})

    def undo() -> Answered:
        form, key = door.read(UnsellForm), idempotency_key()
        presence, till = _till(door)
        body = orjson.dumps([form.sale, form.reason], default=str)
        done = take_sale_back(house, form.sale, reason=form.reason, attempt_id=UUID(key), desk=_desk(presence, till), key=key, body=body)
        return answered(done, {**done.body, "attempt": key})

    door.api(blueprint, "sale/quote", ask, post=True)
    door.api(blueprint, "sale", make, post=True)
    door.api(blueprint, "sale/undo", undo, post=True)


def _why(code: str) -> dict[str, Any]:
    """The sentence of a coupon that does not go on this order."""
    said = SENTENCES[code]
    return {"why": {"zh": said.why_zh, "en": said.why_en}, "may_override": code in OVERRIDABLE}


def _till(door: Door) -> tuple[Presence, Till]:
    with door.counter() as (_, presence):
        demand(presence.rights, Right.REDEEM)
        demand(presence.rights, Right.BOOK)
        return presence, till_of(presence, address=door.address)


def _desk(presence: Presence, till: Till) -> Desk:
    return Desk(
        till,
        booked_by=f"{BOOKED_BY}{presence.staff.login}",
        terminal=presence.device.name,
        may_override=Right.OVERRIDE in presence.rights,
        may_reverse=Right.UNDO_OTHERS in presence.rights,
    )


def _member(door: Door, ticket: str, *, till: Till, now: datetime) -> UUID:
    """The member whose moving code this device has just read. Raises RefusedError (ticket_stale)."""
    seen = read_ticket(door.house.ring, ticket, client_id=till.client_id, now=now)
    if seen.kind != MEMBER:
        raise RefusedError("ticket_stale")
    return seen.subject
