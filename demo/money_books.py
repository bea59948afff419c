"""One member's points as a shop assistant with a pencil would keep them: lots, what is set aside, what is owed. Pure."""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

_SHANGHAI = timezone(timedelta(hours=8))


def day_of(at: datetime) -> date:
    """The day of a moment in Shanghai."""
    return at.astimezone(_SHANGHAI).date()


def last_day(day: date, months: int) -> date:
    """The day so many months later; a month that is too short ends sooner."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(slots=True, eq=False)
class Lot:
    """Points of one earning: who issued them, how many are left, whether they may be used, their last day."""

    unit: str
    left: int
    ripe: bool
    until: date
    number: int


Taken = list[tuple[Lot, int]]


@dataclass(slots=True)
class Book:
    """One member's points."""

    lots: list[Lot] = field(default_factory=list)
    held: int = 0
    owed: int = 0

    @property
    def active(self) -> int:
        return sum(lot.left for lot in self.lots if lot.ripe)

    @property
    def pending(self) -> int:
        return sum(lot.left for lot in self.lots if not lot.ripe)

    def earn(self, points: int, *, unit: str, ripe: bool, until: date) -> Lot:
        """New points; what is owed is paid out of them at once."""
        lot = Lot(unit, points, ripe, until, len(self.lots))
        self.lots.append(lot)
        self._repay(lot, points)
        return lot

    def take(self, points: int) -> Taken:
        """Take usable points, those that end first first. Raises ValueError when they are not there."""
        taken, missing = [], points
        for lot in sorted(self.lots, key=lambda each: (each.until, each.number)):
            some = min(lot.left, missing) if lot.ripe else 0
            if some:
                lot.left -= some
                missing -= some
                taken.append((lot, some))
        if missing:
            message = f"{missing} of {points} points are not there"
            raise ValueError(message)
        return taken

    def put_back(self, taken: Iterable[tuple[Lot, int]]) -> None:
        """Points go back to where they came from."""
        for lot, points in taken:
            lot.left += points
            self._repay(lot, points)

    def undo(self, lot: Lot, points: int) -> None:
        """An earning is taken back: from its own lot, else from other usable points, else it is owed."""
        own = min(points, lot.left)
        lot.left -= own
        others = min(points - own, self.active)
        self.take(others)
        self.owed += points - own - others

    def _repay(self, lot: Lot, points: int) -> None:
        paid = min(self.owed, points)
        lot.left -= paid
        self.owed -= paid


def longest_first(taken: Taken, points: int) -> Taken:
    """Which of the points taken go back when only some do: those that last longest."""
    back, left = [], points
    for lot, some in sorted(taken, key=lambda each: (each[0].until, each[0].number), reverse=True):
        part = min(left, some)
        if part:
            back.append((lot, part))
            left -= part
    return back


def part_of(whole: int, *, before: int, after: int, of: int) -> int:
    """What falls on going from `before` to `after` out of `of`, so that all steps sum to the whole."""
    return (whole * after) // of - (whole * before) // of


def share_out(whole: int, weights: dict[int, int]) -> dict[int, int]:
    """Divide points over lines by weight; what rounding leaves goes to the largest remainders, the earlier line first."""
    counting = {line: weight for line, weight in sorted(weights.items()) if weight}
    total = sum(counting.values())
    shares = {line: whole * weight // total for line, weight in counting.items()}
    by_rest = sorted(counting, key=lambda line: (-(whole * counting[line] % total), line))
    for line in by_rest[: whole - sum(shares.values())]:
        shares[line] += 1
    return shares
