"""A bundle spread out for comparing and walking: in a private file that vanishes with its connection, so that millions of rows need no memory."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cards.vendor_import.files import Bundle, read_rows
from cards.vendor_import.rows import BalanceRow, CouponRow, MemberRow, PointsRow, read_row

MOST_SHOWN = 200
_TABLES = """
CREATE TABLE member (line INTEGER, id TEXT, phone TEXT, number TEXT, points INTEGER, value_fen INTEGER, body TEXT);
CREATE TABLE lot (line INTEGER, member TEXT, points INTEGER, body TEXT);
CREATE TABLE balance (line INTEGER, member TEXT, value_fen INTEGER);
CREATE TABLE coupon (line INTEGER, member TEXT, coupon TEXT, template TEXT, body TEXT);
"""
_INDEXES = """
CREATE INDEX member_id ON member (id); CREATE INDEX member_phone ON member (phone); CREATE INDEX member_number ON member (number);
CREATE INDEX lot_member ON lot (member); CREATE INDEX balance_member ON balance (member);
CREATE INDEX coupon_member ON coupon (member); CREATE INDEX coupon_id ON coupon (coupon);
"""


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that cannot be brought over. `line` is 0 for what is about a whole file."""

    file: str
    line: int
    why: str


@dataclass(slots=True)
class Problems:
    """The first problems in full, and how many there are."""

    shown: list[Problem] = field(default_factory=list)
    total: int = 0

    def add(self, file: str, line: int, why: str) -> None:
        self.total += 1
        if len(self.shown) < MOST_SHOWN:
            self.shown.append(Problem(file, line, why))


@dataclass(frozen=True, slots=True)
class Person:
    """One member with everything that is brought for him, each lot with its line."""

    row: MemberRow
    lots: list[tuple[int, PointsRow]]
    balances: list[int]
    coupons: list[CouponRow]


class Stage:
    """The staged rows of one bundle."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self.base = base
        base.executescript(_TABLES)

    def fill(self, bundle: Bundle, problems: Problems) -> None:
        """Read every file; what cannot be read becomes a problem and is left out."""
        for name, path in bundle.paths.items():
            for line, row in read_rows(path):
                if isinstance(row, str):
                    problems.add(name, line, row)
                    continue
                try:
                    self._keep(line, read_row(name, row))
                except ValueError as error:
                    problems.add(name, line, str(error))
        self.base.executescript(_INDEXES)

    def _keep(self, line: int, row: object) -> None:
        match row:
            case MemberRow():
                kept: tuple[Any, ...] = (
                    line,
                    row.member_id,
                    row.phone,
                    row.card_number,
                    row.points,
                    row.balance_fen,
                    row.model_dump_json(),
                )
                self.base.execute("INSERT INTO member VALUES (?, ?, ?, ?, ?, ?, ?)", kept)
            case PointsRow():
                self.base.execute("INSERT INTO lot VALUES (?, ?, ?, ?)", (line, row.member_id, row.points, row.model_dump_json()))
            case BalanceRow():
                self.base.execute("INSERT INTO balance VALUES (?, ?, ?)", (line, row.member_id, row.balance_fen))
            case CouponRow():
                kept = (line, row.member_id, row.coupon_id, row.template, row.model_dump_json())
                self.base.execute("INSERT INTO coupon VALUES (?, ?, ?, ?, ?)", kept)
            case _:
                raise TypeError(type(row).__name__)

    def totals(self) -> tuple[int, int, int, int]:
        """Members, points, stored value in fen, coupons."""
        found = self.base.execute(
            "SELECT (SELECT count(*) FROM member), (SELECT coalesce(sum(points), 0) FROM lot),"
            " (SELECT coalesce(sum(value_fen), 0) FROM balance), (SELECT count(*) FROM coupon)"
        ).fetchone()
        return int(found[0]), int(found[1]), int(found[2]), int(found[3])

    def people(self) -> Iterator[Person]:
        """Every member in the order of his phone, so that two runs at once never wait for each other in a circle."""
        for (body,) in self.base.execute("SELECT body FROM member ORDER BY phone, id"):
            row = MemberRow.model_validate_json(body)
            mine = (row.member_id,)
            lots = self.base.execute("SELECT line, body FROM lot WHERE member = ? ORDER BY line", mine).fetchall()
            balances = self.base.execute("SELECT value_fen FROM balance WHERE member = ? ORDER BY line", mine).fetchall()
            coupons = self.base.execute("SELECT body FROM coupon WHERE member = ? ORDER BY line", mine).fetchall()
            yield Person(
                row,
                [(line, PointsRow.model_validate_json(each)) for line, each in lots],
                [int(each) for (each,) in balances],
                [CouponRow.model_validate_json(each) for (each,) in coupons],
            )


@contextmanager
def staged(bundle: Bundle, problems: Problems) -> Iterator[Stage]:
    """A bundle on the stage; SQLite keeps a nameless base in a file nobody else can open and removes it at the end."""
    base = sqlite3.connect("")
    try:
        stage = Stage(base)
        stage.fill(bundle, problems)
        yield stage
    finally:
        base.close()
