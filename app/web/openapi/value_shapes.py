"""What calls about stored value bring and what they are answered."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StrictInt

from cards.codes import LONGEST
from cards.order_forms import Form, Number, Text64

Fen = Annotated[StrictInt, Field(ge=1, le=10**9)]


class LadderOut(BaseModel):
    """What top-ups add, as the programme has set it, and over which amount a payment needs the customer."""

    rungs: list[dict[str, int]]
    confirm_over_fen: int


class BalanceOut(BaseModel):
    """What a member can pay with, in fen."""

    card: UUID
    number: str
    balance_fen: int


class TopUpIn(Form):
    """Money that was paid in, and by which way. The bonus is the ladder's, so nobody types it. `ref` is the caller's own number."""

    paid_fen: Fen
    route: Literal["cash", "wechat_pay", "alipay", "bank_card", "transfer"]
    route_ref: Number
    """The number of the payment by that way: a refund names it."""
    store: Text64
    ref: Number


class TopUpOut(BaseModel):
    id: UUID
    paid_fen: int
    bonus_fen: int
    balance_fen: int


class TopUpRefundIn(Form):
    """What is left of a top-up goes back by the way it came."""

    top_up: Number
    reason: Text64
    ref: Number


class TopUpRefundOut(BaseModel):
    """Pay `refund_fen` back by `route` under `route_ref`."""

    id: UUID
    refund_fen: int
    bonus_taken_fen: int
    route: str
    route_ref: str
    balance_fen: int


class PayIn(Form):
    """A payment from the balance. Over the programme's amount it carries the customer's `code` as scanned, or the `consent` he gave."""

    amount_fen: Fen
    store: Text64
    ref: Number
    code: Annotated[str, Field(min_length=1, max_length=LONGEST)] | None = None
    consent: UUID | None = None


class PaidOut(BaseModel):
    id: UUID
    amount_fen: int
    balance_fen: int


class PayRefundIn(Form):
    """A part of a payment, or all of it, given back to the balance it came from."""

    payment: Number
    amount_fen: Fen
    reason: Text64
    ref: Number


class ConsentIn(Form):
    """A question for the customer's phone."""

    amount_fen: Fen
    store: Text64


class ConsentOut(BaseModel):
    """`asked` until the customer answers; after five minutes `expired`."""

    id: UUID
    state: Literal["asked", "agreed", "declined", "used", "expired"]
    amount_fen: int
    expires_at: datetime
