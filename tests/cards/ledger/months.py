"""Settlement as a shopkeeper would keep it: what was used of whose points in each month, at which price, and which months are closed."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

from tests.cards.ledger.piles import ModelRefusesError

NOON = datetime(2026, 11, 22, 12, 0)  # noqa: DTZ001 - a clock on a wall in Shanghai, where a story begins.


def wall(minute):
    """What the clock on the wall shows at a minute of the story."""
    return NOON + timedelta(minutes=minute)


def minute_of(moment):
    return (moment - NOON) // timedelta(minutes=1)


def month_of(minute):
    return wall(minute).strftime("%Y-%m")


def month_end(minute):
    """The minute with which the month of a minute is over."""
    return minute_of((wall(minute).replace(day=1, hour=0, minute=0) + timedelta(days=32)).replace(day=1))


@dataclass(frozen=True)
class Price:
    microfen: int
    rule: str
    percent: int

    def shares(self, points):
        """(all, what the issuer pays, what the group pays) in fen."""
        fen = round(Fraction(points * self.microfen, 1_000_000))
        part = {"group_bears": 0, "issuer_pays": 100, "share": self.percent}[self.rule]
        issuer = math.floor(Fraction(fen * part, 100))
        return fen, issuer, fen - issuer


@dataclass
class Months:
    used: dict = field(default_factory=lambda: defaultdict(Counter))
    """Month: points by (who issued them, who took them in)."""
    moved: Counter = field(default_factory=Counter)
    """Month: by how much all piles together grew."""
    prices: dict = field(default_factory=dict)
    """(issuer, taker, first month): price."""
    closed: set = field(default_factory=set)
    _settled: Counter = field(default_factory=Counter)
    _left: int = 0

    def write_down(self, minute, settled, left):
        """What has happened since the last time, happened in the month of this minute."""
        month = month_of(minute)
        for pair, points in settled.items():
            self.used[month][pair] += points - self._settled[pair]
        self.moved[month] += left - self._left
        self._settled, self._left = settled.copy(), left

    def price(self, pair, month):
        """The latest that began by then."""
        begun = [first for *units, first in self.prices if tuple(units) == pair and first <= month]
        return self.prices[(*pair, max(begun))] if begun else None

    def cells(self, month):
        """(issuer, taker): points, fen, issuer's part, group's part. Own use costs nothing; without a price the fen are unknown."""
        found = {}
        for pair, points in self.used[month].items():
            price = self.price(pair, month)
            if points and pair[0] == pair[1]:
                found[pair] = (points, 0, 0, 0)
            elif points:
                found[pair] = (points, None, 0, 0) if price is None else (points, *price.shares(points))
        return found

    def sides(self, month):
        """Unit: own use, given, taken, pays, gets, net."""
        cells = self.cells(month)
        told = {}
        for unit in {unit for pair in cells for unit in pair}:
            own = sum(cell[0] for pair, cell in cells.items() if pair == (unit, unit))
            given = [cell for (issuer, taker), cell in cells.items() if issuer == unit != taker]
            taken = [cell for (issuer, taker), cell in cells.items() if taker == unit != issuer]
            pays, gets = sum(cell[2] for cell in given), sum(cell[1] or 0 for cell in taken)
            told[unit] = (own, sum(cell[0] for cell in given), sum(cell[0] for cell in taken), pays, gets, gets - pays)
        return told

    def reprice(self, pair, month, price):
        if any(each >= month for each in self.closed):
            raise ModelRefusesError("period_closed")
        self.prices[(*pair, month)] = price

    def close(self, month, *, now):
        """An hour after its end, with every cell priced, once."""
        first = datetime.strptime(month, "%Y-%m")  # noqa: DTZ007 - the clock on the wall.
        if now < month_end(minute_of(first)) + 60:
            raise ModelRefusesError("period_not_over")
        if any(cell[1] is None for cell in self.cells(month).values()):
            raise ModelRefusesError("no_price")
        if month in self.closed:
            raise ModelRefusesError("period_closed")
        self.closed.add(month)
        return self.cells(month)
