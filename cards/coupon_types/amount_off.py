"""An amount off the price: 代金券."""

from collections.abc import Sequence

from cards.coupon_type import Fen, Line, Terms, spread, yuan


class AmountTerms(Terms):
    """`amount_fen` off."""

    amount_fen: Fen


class AmountOff:
    name = "amount_off"
    title = "代金券 · amount off"
    rank = 30
    by_amount = True
    terms = AmountTerms

    def uses(self, terms: AmountTerms) -> int:
        del terms
        return 1

    def bound_to(self, terms: AmountTerms) -> tuple[str, ...]:
        del terms
        return ()

    def discounts(self, terms: AmountTerms, lines: Sequence[Line], *, times: int = 1) -> list[int]:
        return spread(terms.amount_fen * times, lines)

    def say(self, terms: AmountTerms) -> tuple[str, str]:
        return f"减 {yuan(terms.amount_fen)} 元", f"¥{yuan(terms.amount_fen)} off"


plugin = AmountOff()
