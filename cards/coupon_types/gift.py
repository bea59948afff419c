"""A gift handed over at the counter: 礼品券."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

from cards.coupon_type import Line, Terms, free_pieces

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


class GiftTerms(Terms):
    """What is handed over. With a SKU, its line on the order costs nothing."""

    gift: Name
    sku: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    quantity: Annotated[int, Field(ge=1, le=100)] = 1


class Gift:
    name = "gift"
    title = "礼品券 · gift"
    rank = 10
    by_amount = False
    terms = GiftTerms

    def uses(self, terms: GiftTerms) -> int:
        del terms
        return 1

    def bound_to(self, terms: GiftTerms) -> tuple[str, ...]:
        del terms
        return ()

    def discounts(self, terms: GiftTerms, lines: Sequence[Line], *, times: int = 1) -> list[int]:
        if terms.sku is None:
            return [0] * len(lines)
        own = [Line(line.sku, line.quantity, line.amount_fen, counts=line.sku == terms.sku) for line in lines]
        return free_pieces(own, pieces=terms.quantity * times)

    def say(self, terms: GiftTerms) -> tuple[str, str]:
        return f"送 {terms.gift} ×{terms.quantity}", f"{terms.gift} ×{terms.quantity} for free"


plugin = Gift()
