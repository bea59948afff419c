"""Points for money spent: 消费得积分, at a rate that categories, goods, tier, day, store and campaign change."""

from collections.abc import Collection
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt, model_validator

from cards.occasion import LineSeen, Occasion, Params, Prize, Word

Percent = Annotated[StrictInt, Field(ge=1, le=10_000)]
_WEEKDAYS = "一二三四五六日"


class Rate(Params):
    """`points` for every `per_fen` paid. Zero points is a rate too: what it names earns nothing."""

    points: Annotated[StrictInt, Field(ge=0, le=10_000)]
    per_fen: Annotated[StrictInt, Field(ge=1, le=10_000_000)] = 100


class Special(Rate):
    """A rate of its own for categories or goods. The first that fits a line counts."""

    categories: list[Word] = Field(default_factory=list, max_length=200)
    skus: list[Word] = Field(default_factory=list, max_length=500)


class Multiplier(Params):
    """Times `percent` / 100 when every condition it names holds."""

    percent: Percent
    name: Word | None = None
    weekdays: list[Annotated[StrictInt, Field(ge=1, le=7)]] = Field(default_factory=list, max_length=7)
    """Monday is 1."""
    month_days: list[Annotated[StrictInt, Field(ge=1, le=31)]] = Field(default_factory=list, max_length=31)
    stores: list[UUID] = Field(default_factory=list, max_length=500)
    first_day: date | None = None
    last_day: date | None = None

    def fits(self, occasion: Occasion) -> bool:
        """Whether an order was paid on such a day at such a store."""
        return (
            (not self.weekdays or occasion.day.isoweekday() in self.weekdays)
            and (not self.month_days or occasion.day.day in self.month_days)
            and (not self.stores or occasion.store in self.stores)
            and (self.first_day is None or occasion.day >= self.first_day)
            and (self.last_day is None or occasion.day <= self.last_day)
        )


class SpendParams(Params):
    rate: Rate
    special: list[Special] = Field(default_factory=list, max_length=50)
    by_tier: StrictBool = True
    """Whether the tier's own multiplier counts."""
    multipliers: list[Multiplier] = Field(default_factory=list, max_length=20)
    combine: Literal["product", "best"] = "product"
    """Several multipliers, the tier's included: one after the other, or the largest alone."""
    least_fen: Annotated[StrictInt, Field(ge=0, le=10**9)] = 0
    """Orders that paid less earn nothing."""

    @model_validator(mode="after")
    def _special_names_something(self) -> "SpendParams":
        if any(not each.categories and not each.skus for each in self.special):
            raise ValueError("a special rate names categories or skus")
        return self

    def rate_of(self, line: LineSeen) -> Rate:
        """The rate of one line."""
        return next((each for each in self.special if line.sku in each.skus or line.category in each.categories), self.rate)

    def factors(self, occasion: Occasion) -> list[int]:
        """The percentages an order is multiplied by, one after the other."""
        fitting = [each.percent for each in self.multipliers if each.fits(occasion)]
        if self.by_tier:
            fitting.append(occasion.tier_percent)
        return [max(fitting)] if self.combine == "best" and fitting else fitting


class Spend:
    name = "spend"
    title = "消费得积分 · points for money spent"
    params = SpendParams
    once = ""

    def listens(self, params: SpendParams) -> Collection[str]:
        del params
        return ("order.placed",)

    def award(self, params: SpendParams, occasion: Occasion) -> list[Prize]:
        paid = sum(line.paid_fen for line in occasion.lines)
        if paid <= 0 or paid < params.least_fen:
            return []
        # Every line over one common denominator, so that an order is rounded down once and not line by line.
        rates = [params.rate_of(line) for line in occasion.lines]
        denominator = 1
        for rate in {rate.per_fen for rate in rates}:
            denominator *= rate
        weights = {
            line.line_no: line.paid_fen * rate.points * (denominator // rate.per_fen)
            for line, rate in zip(occasion.lines, rates, strict=True)
        }
        total = sum(weights.values())
        for percent in params.factors(occasion):
            total *= percent
            denominator *= 100
        points = total // denominator
        return [Prize(points, weights=weights)] if points > 0 else []

    def describe(self, params: SpendParams) -> tuple[str, str]:
        zh = [f"每消费 {_yuan(params.rate.per_fen)} 元得 {params.rate.points} 积分"]
        en = [f"{_points(params.rate.points)} for every ¥{_yuan(params.rate.per_fen)} paid"]
        for each in params.special:
            names = "、".join([*each.categories, *each.skus][:10])
            if each.points:
                zh.append(f"{names}每 {_yuan(each.per_fen)} 元得 {each.points} 积分")
                en.append(f"{names}: {_points(each.points)} for every ¥{_yuan(each.per_fen)}")
            else:
                zh.append(f"{names}不积分")
                en.append(f"{names}: no points")
        for times in params.multipliers:
            zh.append(f"{_when_zh(times)} {times.percent / 100:g} 倍")
            en.append(f"{times.percent / 100:g} times {_when_en(times)}")
        if params.by_tier:
            zh.append("按会员等级加倍")
            en.append("multiplied by your tier")
        if params.least_fen:
            zh.append(f"满 {_yuan(params.least_fen)} 元起")
            en.append(f"from {_yuan(params.least_fen)} yuan an order")
        return "；".join(zh), "; ".join(en)


def _points(number: int) -> str:
    return "1 point" if number == 1 else f"{number} points"


def _yuan(fen: int) -> str:
    return f"{fen // 100}" if fen % 100 == 0 else f"{fen // 100}.{fen % 100:02}"


def _when_zh(times: Multiplier) -> str:
    parts = [times.name or ""]
    parts += ["周" + "、".join(_WEEKDAYS[day - 1] for day in times.weekdays)] if times.weekdays else []
    parts += ["每月 " + "、".join(map(str, times.month_days)) + " 日"] if times.month_days else []
    parts += ["指定门店"] if times.stores else []
    parts += [f"{times.first_day or ''} 至 {times.last_day or ''}"] if times.first_day or times.last_day else []
    return " ".join(part for part in parts if part)


def _when_en(times: Multiplier) -> str:
    parts = [times.name or ""]
    parts += ["on weekdays " + ", ".join(map(str, times.weekdays)) + " (Monday is 1)"] if times.weekdays else []
    parts += ["on days " + ", ".join(map(str, times.month_days)) + " of the month"] if times.month_days else []
    parts += ["at chosen stores"] if times.stores else []
    parts += [f"from {times.first_day or 'now'} to {times.last_day or 'further notice'}"] if times.first_day or times.last_day else []
    return " ".join(part for part in parts if part)


plugin = Spend()
