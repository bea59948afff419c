"""A card for so many times: 次卡."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

from cards.coupon_type import Line, Terms, free_pieces


class TimesTerms(Terms):
    """`uses` times one piece of `goods`."""

    goods: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
    uses: Annotated[int, Field(ge=2, le=1000)]


class TimesCard:
    name = "times_card"
    title = "次卡 · times card"
    rank = 10
    by_amount = False
    terms = TimesTerms

    def uses(self, terms: TimesTerms) -> int:
        return terms.uses

    def bound_to(self, terms: TimesTerms) -> tuple[str, ...]:
        del terms
        return ()

    def discounts(self, terms: TimesTerms, lines: Sequence[Line], *, times: int = 1) -> list[int]:
        del terms
        return free_pieces(lines, pieces=times)

    def say(self, terms: TimesTerms) -> tuple[str, str]:
        return f"{terms.goods} {terms.uses} 次", f"{terms.goods}, {terms.uses} times"


plugin = TimesCard()
