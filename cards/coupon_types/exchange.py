"""One piece of the named goods for a fixed price, or for nothing: 兑换券."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

from cards.coupon_type import Line, Terms, free_pieces, yuan


class ExchangeTerms(Terms):
    """One coupon, one piece of `goods` for `pay_fen`."""

    goods: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
    pay_fen: Annotated[int, Field(ge=0, le=10**9)] = 0


class Exchange:
    name = "exchange"
    title = "兑换券 · exchange"
    rank = 10
    by_amount = False
    terms = ExchangeTerms

    def uses(self, terms: ExchangeTerms) -> int:
        del terms
        return 1

    def bound_to(self, terms: ExchangeTerms) -> tuple[str, ...]:
        del terms
        return ()

    def discounts(self, terms: ExchangeTerms, lines: Sequence[Line], *, times: int = 1) -> list[int]:
        return free_pieces(lines, pieces=times, pay_fen=terms.pay_fen)

    def say(self, terms: ExchangeTerms) -> tuple[str, str]:
        if terms.pay_fen:
            return f"{yuan(terms.pay_fen)} 元换购 {terms.goods}", f"{terms.goods} for ¥{yuan(terms.pay_fen)}"
        return f"兑换 {terms.goods}", f"one {terms.goods}"


plugin = Exchange()
