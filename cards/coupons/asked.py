"""What a counter may ask: a redemption, its order, a reversal; every field bounded."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from cards import codes
from cards.coupons.conditions import Order
from cards.moments import Moment
from cards.quote import MOST_LINES, BasketLine

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Fen = Annotated[int, Field(ge=0, le=10**9, strict=True)]


class LineIn(BaseModel):
    """A line of an order; `amount_fen` is the price of the whole line before any discount."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(ge=1, le=100_000)]
    sku: Word
    category: Annotated[str, Field(max_length=64)] = ""
    quantity: Annotated[int, Field(ge=1, le=100_000)] = 1
    amount_fen: Fen
    is_reward: bool = False


class OrderIn(BaseModel):
    """The order a coupon goes on: a number that is unique in its source, and what it comes to."""

    model_config = ConfigDict(extra="forbid")

    source: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,24}$")] = "pos"
    order_no: Word | None = None
    total_fen: Fen | None = None
    lines: Annotated[list[LineIn], Field(max_length=MOST_LINES)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _adds_up(self) -> "OrderIn":
        if self.lines and self.total_fen is not None and sum(line.amount_fen for line in self.lines) != self.total_fen:
            raise ValueError("the lines do not come to total_fen")
        if len({line.number for line in self.lines}) != len(self.lines):
            raise ValueError("two lines have one number")
        return self

    def read(self) -> Order:
        """The order as the rooms below see it."""
        key = None if self.order_no is None else f"{self.source}:{self.order_no}"
        return Order(key, self.total_fen, tuple(BasketLine(**line.model_dump()) for line in self.lines))


class RedeemIn(BaseModel):
    """One attempt. `attempt_id` is made on the device and kept by every retry; what is redeemed is said by a code or by a preview's ticket."""

    model_config = ConfigDict(extra="forbid")

    attempt_id: UUID
    code: Annotated[str, Field(min_length=1, max_length=codes.LONGEST)] | None = None
    ticket: Annotated[str, Field(max_length=128)] | None = None
    coupon: UUID | None = None
    """With a member's ticket: which of his coupons."""
    order: OrderIn = Field(default_factory=OrderIn)
    times: Annotated[int, Field(ge=1, le=1000)] = 1
    device_at: Moment | None = None
    offline: bool = False
    override: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    """A supervisor's reason to let it through a condition it does not meet."""

    @model_validator(mode="after")
    def _one_way(self) -> "RedeemIn":
        if (self.code is None) == (self.ticket is None):
            raise ValueError("either code or ticket")
        if self.offline and self.device_at is None:
            raise ValueError("an offline redemption says when it was, by the device's clock")
        if self.offline and self.override:
            raise ValueError("nobody overrides without a connection")
        return self


class UndoIn(BaseModel):
    """Which use is to be reversed, and why."""

    model_config = ConfigDict(extra="forbid")

    attempt_id: UUID
    use: UUID
    reason: Annotated[str, Field(max_length=200)] = ""
    device_at: Moment | None = None
