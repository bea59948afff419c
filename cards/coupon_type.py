"""What a type of coupon declares: one file of `cards/coupon_types` is one type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.core.errors import BadRequestError
from app.core.registry import discover

Fen = Annotated[int, Field(ge=1, le=10**9)]


class Terms(BaseModel):
    """Base of every type's terms: unknown names are refused, values stay as they were checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a basket as a type sees it: `amount_fen` is what is still to pay for it, `counts` whether the coupon's goods include it."""

    sku: str
    quantity: int
    amount_fen: int
    counts: bool = True

    @property
    def unit_fen(self) -> int:
        """What one piece costs, rounded down, so that no piece is given more than it cost."""
        return self.amount_fen // self.quantity


class CouponType(Protocol):
    """Found by `discover("cards.coupon_types")`; everything in it is pure.

    `rank` orders coupons on one order: goods first (10), percentages of what is left (20), amounts last (30).
    `by_amount` says that it takes something off a price, so that a clerk must say what the order comes to.
    """

    name: str
    title: str
    rank: int
    by_amount: bool
    terms: type[Terms]

    def uses(self, terms: Any) -> int:
        """How often one coupon can be used."""
        ...

    def bound_to(self, terms: Any) -> tuple[str, ...]:
        """SKUs one of which must be on the order, whatever the template says; empty for most types."""
        ...

    def discounts(self, terms: Any, lines: Sequence[Line], *, times: int = 1) -> list[int]:
        """What it takes off each line, in fen; never more than the line's `amount_fen`."""
        ...

    def say(self, terms: Any) -> tuple[str, str]:
        """What it is worth, in Chinese and in English."""
        ...


@cache
def coupon_types() -> Mapping[str, CouponType]:
    """Every type by name."""
    return {kind.name: kind for kind in discover("cards.coupon_types")}


def read_terms(type_name: str, terms: object) -> tuple[CouponType, Terms]:
    """A type with its checked terms. Raises BadRequestError that names the field."""
    kind = coupon_types().get(type_name)
    if kind is None:
        raise BadRequestError(
            f"there is no coupon type {type_name[:40]!r}; there are {', '.join(coupon_types())}", code="unknown_coupon_type"
        )
    try:
        return kind, kind.terms.model_validate(terms)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(["terms", *map(str, first["loc"])])
        raise BadRequestError(f"{where}: {first['msg']}", code="bad_terms") from error


def spread(amount_fen: int, lines: Sequence[Line]) -> list[int]:
    """Divide an amount over the lines that count, by their weight; it is cut to what they come to, and every fen is placed.

    The fen that division leaves over go to the largest remainders, so the parts always sum to the amount.
    """
    weights = [line.amount_fen if line.counts else 0 for line in lines]
    whole = sum(weights)
    amount = min(amount_fen, whole)
    if amount <= 0:
        return [0] * len(lines)
    parts = [amount * weight // whole for weight in weights]
    left = amount - sum(parts)
    order = sorted(range(len(lines)), key=lambda place: (-(amount * weights[place] % whole), place))
    for place in order[:left]:
        parts[place] += 1
    return parts


def free_pieces(lines: Sequence[Line], *, pieces: int, pay_fen: int = 0) -> list[int]:
    """Let the dearest `pieces` that count cost `pay_fen` each; what each line is lessened by."""
    parts = [0] * len(lines)
    order = sorted((place for place, line in enumerate(lines) if line.counts), key=lambda place: (-lines[place].unit_fen, place))
    for place in order:
        line = lines[place]
        taken = min(pieces, line.quantity)
        parts[place] = max(min(line.unit_fen * taken if taken < line.quantity else line.amount_fen, line.amount_fen) - pay_fen * taken, 0)
        pieces -= taken
        if not pieces:
            break
    return parts


def yuan(amount_fen: int) -> str:
    """An amount as people write it: 1050 fen is `10.50`, 1000 fen is `10`."""
    whole, rest = divmod(amount_fen, 100)
    return f"{whole}.{rest:02d}" if rest else str(whole)
