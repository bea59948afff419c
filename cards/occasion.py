"""What a kind of earning rule declares and is told: one file of `cards/earning` is one kind."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
Amount = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
"""Points one award may be."""
Side = Literal["self", "other"]


class Params(BaseModel):
    """Base of every parameter schema: unknown names are refused, values stay as they were checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class LineSeen:
    """One line of an order: `paid_fen` is its price less what coupons and points paid, and zero for a reward."""

    line_no: int
    sku: str
    category: str
    quantity: int
    paid_fen: int


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something a customer may be awarded points for. `key` is its business key; `occurred_at` is UTC, `day` the day in Asia/Shanghai."""

    key: str
    kind: str
    occurred_at: datetime
    day: date
    customer_id: int
    reason: str = ""
    other_id: int | None = None
    """The other customer of a referral."""
    store: UUID | None = None
    lines: tuple[LineSeen, ...] = ()
    tier_percent: int = 100
    streak: int = 0
    first_purchase: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prize:
    """What a rule gives: to the customer himself or to the other one, spread over lines by their weights."""

    points: int
    side: Side = "self"
    weights: Mapping[int, int] = field(default_factory=dict)


class EarningKind(Protocol):
    """Found by `discover("cards.earning")`.

    `award` is pure: it reads nothing but its arguments. `once` names the span in which a customer gets it one time ("ever", "year", "day", "").
    `describe` is the sentence of the members' rules page, Chinese and English.
    """

    name: str
    title: str
    params: type[Params]
    once: str

    def listens(self, params: Any) -> Collection[str]: ...

    def award(self, params: Any, occasion: Occasion) -> list[Prize]: ...

    def describe(self, params: Any) -> tuple[str, str]: ...
