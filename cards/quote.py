"""One quote over coupons, tier, points and stored value together: pure, integer fen, never a negative amount to pay."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, product
from uuid import UUID

from cards.coupon_type import CouponType, Line, Terms

MOST_LINES = 200
MOST_WEIGHED = 10
"""So many coupons are tried in every combination; of more, those that take off most alone, which still leaves a thousand combinations."""
ALONE, FREE = "alone", "free"


@dataclass(frozen=True, slots=True)
class BasketLine:
    """A line of an order. A reward or gift line (`is_reward`) counts for no minimum and no percentage."""

    number: int
    sku: str
    category: str
    quantity: int
    amount_fen: int
    is_reward: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A coupon as the quote sees it."""

    key: UUID
    kind: CouponType
    terms: Terms
    stacking_class: str = ALONE
    minimum_fen: int = 0
    skus: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    times: int = 1

    def counts(self, line: BasketLine) -> bool:
        """Whether its goods include this line."""
        everything = not self.skus and not self.categories
        return not line.is_reward and (everything or line.sku in self.skus or line.category in self.categories)


@dataclass(frozen=True, slots=True)
class Means:
    """What the customer has beside coupons.

    `tier_percent` is what his tier pays of the price (95 is 5 % off). Points are worth `fen_per_100_points` for each hundred, pay at most
    `points_cap_percent` of what is left after coupons and only from `points_least` on. Wishes are how much he wants to use; None is as much as goes.
    """

    tier_percent: int = 100
    points: int = 0
    points_wish: int | None = 0
    fen_per_100_points: int = 0
    points_cap_percent: int = 100
    points_least: int = 1
    value_fen: int = 0
    value_wish_fen: int | None = 0


@dataclass(frozen=True, slots=True)
class Applied:
    """What one coupon takes off."""

    key: UUID
    discount_fen: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What is to be paid and why. `lines` are (line number, coupons' and tier's discount in fen), for the receipt and for returns."""

    total_fen: int
    tier_fen: int
    coupons: tuple[Applied, ...]
    points: int
    points_fen: int
    value_fen: int
    to_pay_fen: int
    lines: tuple[tuple[int, int], ...]
    refused: tuple[tuple[UUID, str], ...] = ()
    """Coupons that do not go on this order, with the code of the refusal."""

    @property
    def coupon_fen(self) -> int:
        """What the coupons take off together."""
        return sum(each.discount_fen for each in self.coupons)


def quote(basket: Sequence[BasketLine], offers: Sequence[Offer], means: Means, *, chosen: Collection[UUID] | None = None) -> Quote:
    """The tier's discount first, then coupons (goods, percentages, amounts), then points, then stored value.

    With `chosen`, exactly those coupons as far as they go; without, the combination that takes off most, of equal ones the one with fewest coupons.
    A minimum spend is measured after the tier's discount and before any coupon.
    """
    left = [line.amount_fen - _tier_off(line, means.tier_percent) for line in basket]
    fitting, refused = _fitting(basket, left, offers if chosen is None else [offer for offer in offers if offer.key in chosen])
    if chosen is None:
        combination = _best(basket, left, fitting)
    else:
        combination, clashing = _admit(fitting)
        refused += clashing
    applied, after = _apply(basket, left, combination)
    total = sum(line.amount_fen for line in basket)
    points, points_fen = _points(sum(after), means)
    rest = sum(after) - points_fen
    value = min(means.value_fen, rest if means.value_wish_fen is None else means.value_wish_fen, rest)
    taken = tuple((line.number, line.amount_fen - rest_of) for line, rest_of in zip(basket, after, strict=True))
    return Quote(total, total - sum(left), applied, points, points_fen, value, rest - value, taken, tuple(refused))


def stacks(classes: Sequence[str]) -> bool:
    """Whether coupons of these stacking classes may stand on one order."""
    if len(classes) > 1 and ALONE in classes:
        return False
    bound = [each for each in classes if each != FREE]
    return len(bound) == len(set(bound))


def _tier_off(line: BasketLine, percent: int) -> int:
    return 0 if line.is_reward else line.amount_fen * (100 - percent) // 100


def _fitting(basket: Sequence[BasketLine], left: Sequence[int], offers: Sequence[Offer]) -> tuple[list[Offer], list[tuple[UUID, str]]]:
    fitting, refused = [], []
    for offer in offers:
        counting = [rest for line, rest in zip(basket, left, strict=True) if offer.counts(line)]
        if not counting and (offer.kind.by_amount or offer.skus or offer.categories):
            refused.append((offer.key, "no_goods"))
        elif sum(counting) < offer.minimum_fen:
            refused.append((offer.key, "below_minimum"))
        else:
            fitting.append(offer)
    return fitting, refused


def _admit(offers: Sequence[Offer]) -> tuple[list[Offer], list[tuple[UUID, str]]]:
    """Coupons in the order they were named, each only if it goes with those before it."""
    admitted: list[Offer] = []
    clashing = []
    for offer in offers:
        if stacks([*(each.stacking_class for each in admitted), offer.stacking_class]):
            admitted.append(offer)
        else:
            clashing.append((offer.key, "no_stacking"))
    return admitted, clashing


def _best(basket: Sequence[BasketLine], left: Sequence[int], offers: Sequence[Offer]) -> list[Offer]:
    worth = {offer.key: sum(left) - sum(_apply(basket, left, [offer])[1]) for offer in offers}
    weighed = sorted((offer for offer in offers if worth[offer.key]), key=lambda offer: -worth[offer.key])[:MOST_WEIGHED]
    best: list[Offer] = []
    least = (sum(left), 0)
    for combination in _combinations(weighed):
        result = (sum(_apply(basket, left, combination)[1]), len(combination))
        if result < least:
            best, least = combination, result
    return best


def _combinations(offers: Sequence[Offer]) -> Iterator[list[Offer]]:
    """Every set of coupons whose stacking classes allow it."""
    yield from ([offer] for offer in offers if offer.stacking_class == ALONE)
    free = [offer for offer in offers if offer.stacking_class == FREE]
    bound: dict[str, list[Offer | None]] = {}
    for offer in offers:
        if offer.stacking_class not in (ALONE, FREE):
            bound.setdefault(offer.stacking_class, [None]).append(offer)
    subsets = list(chain.from_iterable(combinations(free, size) for size in range(len(free) + 1)))
    for picks in product(*bound.values()):
        one_each = [pick for pick in picks if pick is not None]
        yield from ([*one_each, *subset] for subset in subsets)


def _apply(basket: Sequence[BasketLine], left: Sequence[int], offers: Sequence[Offer]) -> tuple[tuple[Applied, ...], list[int]]:
    """Take the coupons off in their order of rank; what each took, and what is left of each line."""
    rest = list(left)
    applied = []
    for offer in sorted(offers, key=lambda each: (each.kind.rank, each.key)):
        lines = [Line(line.sku, line.quantity, amount, offer.counts(line)) for line, amount in zip(basket, rest, strict=True)]
        off = offer.kind.discounts(offer.terms, lines, times=offer.times)
        rest = [amount - part for amount, part in zip(rest, off, strict=True)]
        assert min(rest, default=0) >= 0, "no coupon takes more off a line than it costs"
        applied.append(Applied(offer.key, sum(off)))
    return tuple(applied), rest


def _points(rest_fen: int, means: Means) -> tuple[int, int]:
    """Points used and what they pay. Never more points than that payment needs, and no fen more than the cap."""
    if means.fen_per_100_points <= 0:
        return 0, 0
    wish = means.points if means.points_wish is None else min(means.points, means.points_wish)
    paid = min(wish * means.fen_per_100_points // 100, rest_fen * means.points_cap_percent // 100)
    points = -(-paid * 100 // means.fen_per_100_points)
    return (points, paid) if paid > 0 and points >= means.points_least else (0, 0)
