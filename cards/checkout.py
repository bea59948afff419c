"""A till's order from quote to receipt: quoted, set aside, confirmed or released, and taken back; each step once, whatever is retried."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.orm import Session

from app.core.errors import FankaError
from app.core.house import House
from app.core.idempotency import Answer, answer_once
from app.core.nouns import Store
from app.core.unit import reading
from cards.codes import LONGEST
from cards.coupons.asked import OrderIn
from cards.coupons.attempts import uniform, write_attempt, write_refusal
from cards.coupons.checkout import Basket, find_customer, price, tell_quote
from cards.coupons.holds import Settled, confirm_hold, hold_order, release_hold, reverse_hold, tell_hold
from cards.redemption import check_override
from cards.slip import print_slip
from cards.till import Till
from cards.value_consent import Proof, check_confirmed

MOST_NAMED = 20
Points = Annotated[int, Field(ge=0, le=10**12, strict=True)]


class QuoteIn(BaseModel):
    """What a till wants to know. `coupons` left out means the best combination; `points` or `value_fen` left out means as much as goes."""

    model_config = ConfigDict(extra="forbid")

    customer: UUID
    order: OrderIn
    coupons: Annotated[list[UUID], Field(max_length=MOST_NAMED)] | None = None
    points: Points | None = None
    value_fen: Points | None = None


class HoldIn(BaseModel):
    """What a till wants to set aside: exactly what its quote said. `to_pay_fen` is what the customer was told he pays."""

    model_config = ConfigDict(extra="forbid")

    attempt_id: UUID
    customer: UUID
    order: OrderIn
    coupons: Annotated[list[UUID], Field(max_length=MOST_NAMED)] = Field(default_factory=list)
    points: Points = 0
    value_fen: Points = 0
    to_pay_fen: Points | None = None
    member_code: Annotated[str, Field(min_length=1, max_length=LONGEST)] | None = None
    consent: UUID | None = None
    """The customer's own word for a payment from his balance: his moving code, or his answer on his phone."""
    override: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    minutes: Annotated[int, Field(ge=1, le=10)] = 10


class StepIn(BaseModel):
    """A step of a hold: confirm, release or reverse. A reversal of what others did, or later, needs a reason."""

    model_config = ConfigDict(extra="forbid")

    attempt_id: UUID
    reason: Annotated[str, Field(max_length=200)] = ""


def quote_order(house: House, wish: QuoteIn, *, till: Till, programme_id: int) -> dict[str, Any]:
    """The one quote over coupons, tier, points and balance. Changes nothing. Raises RefusedError, NotFoundError."""
    now = house.clock.now()
    with reading(house.engine) as session:
        customer = find_customer(session, wish.customer)
        basket = Basket(customer.id, programme_id, wish.order.read(), wish.coupons, wish.points, wish.value_fen)
        return tell_quote(session, price(session, basket, till=till, now=now))


def hold(
    house: House, wish: HoldIn, *, till: Till, programme_id: int, key: str, body: bytes, public: bool, supervisor: bool = False
) -> Answer:
    """Set coupons, points and stored value aside for one order. The order must have a number."""

    def act(session: Session) -> Answer:
        now = house.clock.now()
        check_override(wish.override, supervisor=supervisor)
        customer = find_customer(session, wish.customer)
        if wish.value_fen:
            proof = Proof(code=wish.member_code, consent=wish.consent)
            check_confirmed(
                session,
                house.ring,
                proof,
                customer_id=customer.id,
                programme_id=programme_id,
                amount_fen=wish.value_fen,
                client_id=till.client_id,
                now=now,
            )
        basket = Basket(customer.id, programme_id, wish.order.read(), wish.coupons, wish.points, wish.value_fen, override=wish.override)
        made = hold_order(session, basket, till=till, minutes=wish.minutes, to_pay_fen=wish.to_pay_fen, now=now)
        write_attempt(session, "hold", "done", wish.attempt_id, till=till, now=now, wish=None)
        return Answer(201, {"outcome": "done", **tell_hold(Settled(made))})

    return _once(house, "hold", act, wish.attempt_id, till=till, key=key, body=body, public=public)


def confirm(house: House, hold_id: UUID, wish: StepIn, *, till: Till, key: str, body: bytes, public: bool) -> Answer:
    """Use everything a hold set aside."""

    def act(session: Session) -> Answer:
        settled = confirm_hold(session, hold_id, till=till, registry=house.registry, now=house.clock.now())
        answer = _done(session, house, "confirm", settled, wish, till=till)
        return Answer(answer.status, {**answer.body, "slip": slip_of(session, settled, till=till)})

    return _once(house, "confirm", act, wish.attempt_id, till=till, key=key, body=body, public=public)


def release(house: House, hold_id: UUID, wish: StepIn, *, till: Till, key: str, body: bytes, public: bool) -> Answer:
    """Give everything back that a hold set aside."""

    def act(session: Session) -> Answer:
        settled = release_hold(session, hold_id, till=till, now=house.clock.now())
        return _done(session, house, "release", settled, wish, till=till)

    return _once(house, "release", act, wish.attempt_id, till=till, key=key, body=body, public=public)


def reverse(house: House, hold_id: UUID, wish: StepIn, *, till: Till, supervisor: bool, key: str, body: bytes, public: bool) -> Answer:
    """Take a confirmed order back: coupons, points and stored value."""

    def act(session: Session) -> Answer:
        now = house.clock.now()
        settled = reverse_hold(session, hold_id, reason=wish.reason, supervisor=supervisor, till=till, registry=house.registry, now=now)
        return _done(session, house, "reverse", settled, wish, till=till)

    return _once(house, "reverse", act, wish.attempt_id, till=till, key=key, body=body, public=public)


def slip_of(session: Session, settled: Settled, *, till: Till) -> str:
    """The printed slip of a confirmed order."""
    held = settled.hold
    store = session.get_one(Store, held.store_id)
    number = held.order_key.split(":", 1)[1]
    return print_slip(store=store.name, quote=held.quote, at=held.settled_at or held.created_at, clerk=till.actor, number=number)


def _done(session: Session, house: House, act: str, settled: Settled, wish: StepIn, *, till: Till) -> Answer:
    write_attempt(session, act, "done", wish.attempt_id, till=till, now=house.clock.now(), wish=None)
    return Answer(200, {"outcome": "done", **tell_hold(settled)})


def _once(
    house: House, act: str, do: Callable[[Session], Answer], attempt_id: UUID, *, till: Till, key: str, body: bytes, public: bool
) -> Answer:
    def refuse(session: Session, error: FankaError) -> Mapping[str, Any]:
        return write_refusal(session, house, act, error, attempt_id, till=till, wish=None, public=public)

    return answer_once(house, client_id=till.client_id, key=key, body=body, act=uniform(do, public=public), refuse=refuse)
