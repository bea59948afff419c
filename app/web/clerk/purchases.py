"""A purchase booked at the counter on a member's name, its points posted at once."""

from typing import Any
from uuid import UUID

import orjson
from flask import Blueprint
from pydantic import Field, ValidationError, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, ConflictError, FankaError
from app.core.gate import Right, access_customer, demand, is_own, see
from app.core.house import House
from app.core.idempotency import Answer, answer_once
from app.core.logins import Presence
from app.core.nouns import Customer
from app.web.clerk.door import Answered, Door, Form, answered, idempotency_key, refusal_body
from app.web.clerk.members import look_up
from app.web.clerk.till import client_of, till_of
from cards.counter_report import BOOKED_BY
from cards.fraud import suspect
from cards.membership import customer_of, only_programme
from cards.models.orders import Purchase
from cards.order_forms import OrderIn
from cards.orders import Booked, book, earned_of
from cards.tiers import current_tier
from cards.till import Till

SOURCE = "pos"
COUNTER_SKU = "COUNTER"
"""What is booked when the clerk names no article: the whole slip as one line."""


class PurchaseForm(Form):
    key: str | None = Field(default=None, max_length=200)
    customer: UUID | None = None
    sight: str = Field(default="", max_length=100)
    total_fen: int = Field(gt=0, le=10**9)
    order_no: str = Field(default="", max_length=40, pattern=r"^[\x21-\x7e]*$")
    sku: str = Field(default="", max_length=64)

    @model_validator(mode="after")
    def _somebody(self) -> "PurchaseForm":
        if not self.key and self.customer is None:
            raise ValueError("a member is needed")
        return self


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`purchases`."""

    def purchases() -> Answered:
        form, key = door.read(PurchaseForm), idempotency_key()
        with door.counter() as (_, presence):
            demand(presence.rights, Right.BOOK)
        till, house = till_of(presence, address=door.address), door.house

        def act(session: Session) -> Answer:
            return Answer(200, _book(session, house, form, presence=presence, till=till, key=key))

        def refuse(session: Session, error: FankaError) -> dict[str, Any]:
            if error.code == "own_purchase":
                suspect(
                    session,
                    error.code,
                    till=till,
                    now=house.clock.now(),
                    customer_id=None,
                    coupon_id=None,
                    detail={"total_fen": form.total_fen},
                )
            return refusal_body(error)

        # The sight is how the clerk came to the member, not what is booked: a later repeat may carry a fresh one.
        body = orjson.dumps(form.model_dump(mode="json", exclude={"sight"}), option=orjson.OPT_SORT_KEYS)
        return answered(answer_once(house, client_id=client_of(presence), key=key, body=body, act=act, refuse=refuse))

    door.api(blueprint, "purchases", purchases, post=True)


def _book(session: Session, house: House, form: PurchaseForm, *, presence: Presence, till: Till, key: str) -> dict[str, Any]:
    now, programme = house.clock.now(), only_programme(session)
    customer = _buyer(session, house, form, presence=presence, till=till)
    if is_own(session, presence.staff.id, customer.id):
        raise ConflictError("不能为自己记账，请同事来记 / nobody books for himself; ask a colleague", code="own_purchase")
    number = number_of(presence, form.order_no, key=key)
    booked = _known(session, number, customer=customer, form=form) or _book_new(
        session, house, form, number=number, customer=customer, presence=presence, programme_id=programme.id
    )
    tier = current_tier(session, customer_id=customer.id, programme_id=programme.id, at=now)
    return {
        "fresh": booked.fresh,
        "name": see(house.ring, customer).name,
        "tier": "" if tier is None else tier.name,
        "total_fen": booked.purchase.total_fen,
        "order_no": form.order_no or key[-8:].upper(),
        **_points(booked, now=now),
    }


def number_of(presence: Presence, order_no: str, *, key: str) -> str:
    """The number of an order made here. A slip's number is unique in its store; without one the attempt itself is the number."""
    return f"{presence.store.code}-{order_no or key}"


def _known(session: Session, number: str, *, customer: Customer, form: PurchaseForm) -> Booked | None:
    """The same slip of the same member with the same amount, booked before: its moment does not matter at a counter."""
    query = select(Purchase).where(Purchase.source == SOURCE, Purchase.order_no == number, Purchase.customer_id == customer.id)
    purchase = session.scalar(query.where(Purchase.total_fen == form.total_fen))
    return None if purchase is None else Booked(purchase, earned_of(session, purchase.id), fresh=False)


def _book_new(
    session: Session, house: House, form: PurchaseForm, *, number: str, customer: Customer, presence: Presence, programme_id: int
) -> Booked:
    now = house.clock.now()
    try:
        order = OrderIn.model_validate(
            {
                "source": SOURCE,
                "order_no": number,
                "store": str(presence.store.public_id),
                "terminal": presence.device.name,
                "paid_at": now,
                "customer": customer.public_id,
                "lines": [{"sku": form.sku or COUNTER_SKU, "amount_fen": form.total_fen}],
            }
        )
    except ValidationError as error:
        raise BadRequestError("小票号填写有误 / the slip's number cannot be used", code="bad_field", status=422) from error
    return book(
        session,
        order,
        programme_id=programme_id,
        ring=house.ring,
        registry=house.registry,
        actor=f"{BOOKED_BY}{presence.staff.login}",
        now=now,
        unit_id=presence.store.business_unit_id,
    )


def _buyer(session: Session, house: House, form: PurchaseForm, *, presence: Presence, till: Till) -> Customer:
    if form.customer is None:
        return customer_of(session, look_up(session, house, form.key or "", till=till))
    now = house.clock.now()
    seen = access_customer(session, house.ring, presence.staff, form.customer, viewer=presence.id, sight=form.sight, now=now)
    return session.get_one(Customer, seen.id)


def _points(booked: Booked, *, now: Any) -> dict[str, Any]:
    later = [each.available_from for each in booked.earned if each.available_from > now]
    return {"points": booked.points, "points_from": min(later).isoformat() if later else None}
