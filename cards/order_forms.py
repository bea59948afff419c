"""What a till, a mall or a file says about an order or a return: bounded, whole numbers, nothing negative."""

import hashlib
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints, model_validator

from cards.moments import Moment

Source = Literal["pos", "mall", "tmall", "jd", "app", "wechat_pay"]
"""What a till, a mall or a file may say. A customer's receipt becomes an order by a clerk's decision alone."""
Number = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,64}$")]
"""A number as tills write it: printable ASCII without blanks."""
Text32 = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=32, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text64 = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Fen = Annotated[StrictInt, Field(ge=0, le=10**10)]
Quantity = Annotated[StrictInt, Field(ge=1, le=100_000)]
LineNo = Annotated[StrictInt, Field(ge=1, le=10_000)]
MOST_LINES = 200


class Form(BaseModel):
    """Base of every form: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OrderLineIn(Form):
    """One line. `amount_fen` is the line's price, `discount_fen` the part of it that coupons and points paid."""

    line_no: LineNo | None = None
    """Its place on the order when not given."""
    sku: Text64
    category: Annotated[str, StringConstraints(strip_whitespace=True, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    quantity: Quantity = 1
    amount_fen: Fen
    discount_fen: Fen = 0
    is_reward: StrictBool = False
    """A gift or a good taken for points: it earns nothing."""

    @model_validator(mode="after")
    def _discount_within(self) -> Self:
        if self.discount_fen > self.amount_fen:
            raise ValueError("discount_fen is not over amount_fen")
        return self


class PaymentIn(Form):
    """How an order was paid. By WeChat Pay's own numbers it finds the payment's notice; without them, the only one it can be."""

    method: Literal["cash", "wechat_pay", "alipay", "bank_card", "other"]
    transaction_id: Number | None = None
    out_trade_no: Number | None = None


class AnyOrder(Form):
    """One order, wherever it comes from. At most one of `phone`, `card` and `customer` says who bought."""

    source: Literal["pos", "mall", "tmall", "jd", "app", "wechat_pay", "receipt"]
    order_no: Number
    store: Text64
    """The store's public id, or its code within the unit."""
    terminal: Text32 | None = None
    paid_at: Moment
    phone: Annotated[str, StringConstraints(min_length=5, max_length=24)] | None = None
    card: Annotated[str, StringConstraints(min_length=1, max_length=32)] | None = None
    customer: UUID | None = None
    lines: Annotated[list[OrderLineIn], Field(min_length=1, max_length=MOST_LINES)]
    total_fen: Fen | None = None
    """When given it must be the sum over the lines of amount less discount."""
    payment: PaymentIn | None = None
    period: Annotated[str, StringConstraints(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")] | None = None
    """The accounting month (Asia/Shanghai) the sender insists on. Without it a late order posts to the open month."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if sum(each is not None for each in (self.phone, self.card, self.customer)) > 1:
            raise ValueError("give one of phone, card and customer")
        numbers = [line.line_no for line in self.numbered()]
        if len(set(numbers)) != len(numbers):
            raise ValueError("two lines have one line_no")
        if self.total_fen is not None and self.total_fen != self.paid_fen:
            raise ValueError(f"total_fen is {self.total_fen} but the lines sum to {self.paid_fen}")
        return self

    @property
    def paid_fen(self) -> int:
        return sum(line.amount_fen - line.discount_fen for line in self.lines)

    def numbered(self) -> list[OrderLineIn]:
        """The lines, each with a number."""
        return [
            line if line.line_no is not None else line.model_copy(update={"line_no": place}) for place, line in enumerate(self.lines, 1)
        ]

    def content_hash(self) -> str:
        """What the order says, but for the phone (which has a keyed hash of its own) and the month it is posted to."""
        said = self.model_dump(mode="json", exclude={"phone", "period", "total_fen", "lines", "paid_at"})
        if self.payment is None:
            del said["payment"]
        lines = [line.model_dump(mode="json") for line in sorted(self.numbered(), key=lambda line: line.line_no or 0)]
        return digest({**said, "paid_at": self.paid_at.timestamp(), "lines": lines})


class OrderIn(AnyOrder):
    """One order as a sender from outside may tell it."""

    source: Source


class ReturnLineIn(Form):
    """So many of a line came back."""

    line_no: LineNo
    quantity: Quantity = 1


class ReturnIn(Form):
    """Goods of one order that came back."""

    return_no: Number
    returned_at: Moment
    lines: Annotated[list[ReturnLineIn], Field(min_length=1, max_length=MOST_LINES)]

    @model_validator(mode="after")
    def _lines_differ(self) -> Self:
        if len({line.line_no for line in self.lines}) != len(self.lines):
            raise ValueError("two lines have one line_no")
        return self

    def content_hash(self, order: str) -> str:
        """What the return says about its order."""
        lines = sorted((line.line_no, line.quantity) for line in self.lines)
        return digest({"order": order, "returned_at": self.returned_at.timestamp(), "lines": lines})


def digest(said: Any) -> str:
    """SHA-256 over canonical JSON, hex."""
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()
