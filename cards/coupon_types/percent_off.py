"""A percentage off the price, with a cap: 折扣券."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from cards.coupon_type import Fen, Line, Terms, spread, yuan


class PercentTerms(Terms):
    """`percent` off, at most `cap_fen` in all."""

    percent: Annotated[int, Field(ge=1, le=99)]
    cap_fen: Fen | None = None


class PercentOff:
    name = "percent_off"
    title = "折扣券 · percent off"
    rank = 20
    by_amount = True
    terms = PercentTerms

    def uses(self, terms: PercentTerms) -> int:
        del terms
        return 1

    def bound_to(self, terms: PercentTerms) -> tuple[str, ...]:
        del terms
        return ()

    def discounts(self, terms: PercentTerms, lines: Sequence[Line], *, times: int = 1) -> list[int]:
        del times
        whole = sum(line.amount_fen for line in lines if line.counts)
        # Rounded down once over the whole, so that the customer is told a number of which the cap is the only limit.
        off = whole * terms.percent // 100
        return spread(off if terms.cap_fen is None else min(off, terms.cap_fen), lines)

    def say(self, terms: PercentTerms) -> tuple[str, str]:
        left = 100 - terms.percent
        fold = f"{left // 10}" if left % 10 == 0 else f"{left / 10:.1f}"
        zh, en = f"{fold} 折", f"{terms.percent}% off"
        if terms.cap_fen is None:
            return zh, en
        return f"{zh}，最多减 {yuan(terms.cap_fen)} 元", f"{en}, at most ¥{yuan(terms.cap_fen)}"


plugin = PercentOff()
