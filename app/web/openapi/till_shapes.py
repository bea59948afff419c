"""What tills send and what they are answered."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, model_validator

from cards.checkout import MOST_NAMED, HoldIn, QuoteIn
from cards.codes import LONGEST
from cards.coupons.asked import OrderIn
from cards.moments import Moment

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Amount = Annotated[StrictInt, Field(ge=0, le=10**12)]


class AtTill(BaseModel):
    """Where: `store` is its id or code. `clerk` is the login of the person at the till, when the till knows him."""

    model_config = ConfigDict(extra="forbid")

    store: Word
    clerk: Word | None = None


class MemberIn(AtTill):
    """What the member shows or says: his moving code, his phone number or his card's number."""

    key: Annotated[str, Field(min_length=1, max_length=LONGEST)]


class QuoteAsked(AtTill):
    """`coupons` left out: the best combination. `points`, `value_fen` left out: as much as goes."""

    customer: UUID
    order: OrderIn
    coupons: Annotated[list[UUID], Field(max_length=MOST_NAMED)] | None = None
    points: Amount | None = None
    value_fen: Amount | None = None

    def wish(self) -> QuoteIn:
        """As the rooms below read it."""
        return QuoteIn(customer=self.customer, order=self.order, coupons=self.coupons, points=self.points, value_fen=self.value_fen)


class HoldAsked(AtTill):
    """Exactly what the quote said, for one numbered order; `to_pay_fen` is what the customer was told."""

    attempt_id: UUID
    customer: UUID
    order: OrderIn
    coupons: Annotated[list[UUID], Field(max_length=MOST_NAMED)] = Field(default_factory=list)
    points: Amount = 0
    value_fen: Amount = 0
    to_pay_fen: Amount | None = None
    member_code: Annotated[str, Field(min_length=1, max_length=LONGEST)] | None = None
    consent: UUID | None = None
    """Over the programme's amount, `value_fen` needs the customer: his moving code, or his answer to `POST /members/{member}/value/consents`."""
    override: Annotated[str, Field(max_length=200)] = ""
    """Why a supervisor lets the coupons through a condition: with the scope `tills:override` and a `clerk` who has that right."""
    minutes: Annotated[int, Field(ge=1, le=10)] = 10

    @model_validator(mode="after")
    def _numbered(self) -> "HoldAsked":
        if self.order.order_no is None:
            raise ValueError("a hold is for an order with a number")
        return self

    def wish(self) -> HoldIn:
        """As the rooms below read it."""
        return HoldIn(
            attempt_id=self.attempt_id,
            customer=self.customer,
            order=self.order,
            coupons=self.coupons,
            points=self.points,
            value_fen=self.value_fen,
            to_pay_fen=self.to_pay_fen,
            member_code=self.member_code,
            consent=self.consent,
            override=self.override,
            minutes=self.minutes,
        )


class StepAsked(AtTill):
    """Confirm, release or reverse; a later reversal needs a reason."""

    attempt_id: UUID
    reason: Annotated[str, Field(max_length=200)] = ""


class RedeemAsked(AtTill):
    """One coupon in one step, by its code as scanned or typed."""

    attempt_id: UUID
    code: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    order: OrderIn = Field(default_factory=OrderIn)
    times: Annotated[int, Field(ge=1, le=1000)] = 1
    device_at: Moment | None = None
    override: Annotated[str, Field(max_length=200)] = ""
    """Why a supervisor lets it through a condition: with the scope `tills:override` and a `clerk` who has that right."""


class Words(BaseModel):
    """A sentence in both languages."""

    zh: str
    en: str


class CouponShown(BaseModel):
    """A coupon of the member: what it is worth and its conditions in plain words."""

    id: UUID
    name: str
    type: str
    uses_left: int
    expires_at: datetime
    worth: Words
    conditions: list[Words]


class MemberOut(BaseModel):
    """A member as a till sees him: masked, with what he may use."""

    customer: UUID
    card: UUID
    number: str
    name: str
    phone: str
    tier: str | None
    discount_percent: int
    points: int
    value_fen: int
    coupons: list[CouponShown]


class QuotedCoupon(BaseModel):
    """A coupon on the quote."""

    coupon: UUID
    name: str
    discount_fen: int
    worth: Words
    conditions: list[Words]


class QuotedLine(BaseModel):
    """What tier and coupons take off one line: the discount that the order is to be booked with."""

    number: int
    discount_fen: int


class RefusedCoupon(BaseModel):
    """A named coupon that does not go on the order."""

    coupon: UUID
    code: str


class WaivedCoupon(BaseModel):
    """A coupon a supervisor let through a condition, and why."""

    coupon: UUID
    code: str
    reason: str


class QuoteOut(BaseModel):
    """total = tier + coupons + points + value + to pay, in fen."""

    total_fen: int
    tier: str | None
    tier_fen: int
    coupons: list[QuotedCoupon]
    coupon_fen: int
    points: int
    points_fen: int
    value_fen: int
    to_pay_fen: int
    multiplier_percent: int
    """Points of this order in percent: the tier's word, or its word for a birthday."""
    earns_points: int
    """Points the rules give for what is paid, before their caps."""
    waived: list[WaivedCoupon]
    lines: list[QuotedLine]
    refused: list[RefusedCoupon]


class UseShown(BaseModel):
    """One use of a coupon."""

    use: UUID
    discount_fen: int


class HoldOut(BaseModel):
    """A hold after one of its steps. `again`: the step had been taken before. `slip` is the receipt's text after a confirmation."""

    outcome: Literal["done"]
    hold: UUID
    state: Literal["open", "confirmed", "released", "reversed"]
    again: bool
    expires_at: datetime
    quote: QuoteOut
    uses: list[UseShown]
    slip: str | None = None


class RedeemedCoupon(BaseModel):
    """The coupon after its use."""

    id: UUID
    name: str
    type: str
    state: str
    uses_left: int
    uses_total: int
    expires_at: datetime
    offline: str
    offline_fen: int
    worth: Words
    conditions: list[Words]


class Masked(BaseModel):
    """A customer, masked."""

    id: UUID
    name: str
    phone: str


class RedeemedOut(BaseModel):
    """A redemption. `again`: this order or attempt had redeemed it before, and nothing happened now."""

    outcome: Literal["done"]
    again: bool
    use: UUID
    coupon: RedeemedCoupon
    customer: Masked
    tier_fen: int
    discount_fen: int
    waived: str | None
    times: int
    reward_points: int
    at: datetime
    store: str
    by: str
    undo_until: datetime


class ReversedOut(BaseModel):
    """A reversal of one use."""

    outcome: Literal["done"]
    undo: UUID
    use: UUID
    coupon: RedeemedCoupon


class AttemptOut(BaseModel):
    """What came of an attempt that the till never heard of: `done`, or `refused`."""

    attempt_id: UUID
    act: str
    outcome: str
    at: datetime
