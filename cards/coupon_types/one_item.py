"""An amount off single pieces of one item: 单品券."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

from cards.coupon_type import Fen, Line, Terms, yuan

ANY = ""
"""The SKU of a line that stands for a whole order: who typed the total alone has looked at the goods himself."""


class ItemTerms(Terms):
    """`amount_fen` off each of at most `pieces` pieces of the item `sku`, which people call `goods`."""

    sku: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    goods: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
    amount_fen: Fen
    pieces: Annotated[int, Field(ge=1, le=100)] = 1


class OneItem:
    name = "one_item"
    title = "单品券 · one item"
    rank = 10
    by_amount = True
    terms = ItemTerms

    def uses(self, terms: ItemTerms) -> int:
        del terms
        return 1

    def bound_to(self, terms: ItemTerms) -> tuple[str, ...]:
        return (terms.sku,)

    def discounts(self, terms: ItemTerms, lines: Sequence[Line], *, times: int = 1) -> list[int]:
        parts, left = [0] * len(lines), terms.pieces * times
        dearest = sorted(range(len(lines)), key=lambda place: (-lines[place].unit_fen, place))
        for place in dearest:
            line = lines[place]
            if not left or not line.counts or line.sku not in (terms.sku, ANY):
                continue
            pieces = min(left, line.quantity)
            # No piece is given more than it cost.
            parts[place] = min(terms.amount_fen * pieces, line.unit_fen * pieces)
            left -= pieces
        return parts

    def say(self, terms: ItemTerms) -> tuple[str, str]:
        more = (f"，最多 {terms.pieces} 件", f", up to {terms.pieces}") if terms.pieces > 1 else ("", "")
        return f"{terms.goods} 每件减 {yuan(terms.amount_fen)} 元{more[0]}", f"¥{yuan(terms.amount_fen)} off {terms.goods}{more[1]}"


plugin = OneItem()
