"""The money of the day: what the input log demands beside what the database holds, as rows of the one table."""

from collections import Counter
from pathlib import Path
from typing import Any

import psycopg

from demo.money_found import BOOKS, MoneyFound, read_money
from demo.money_log import read_log
from demo.money_state import MoneyTruth
from demo.money_truth import work_out
from demo.verdict import Row, Verdict

_BOOK_WORDS = {"active": "可用", "pending": "待生效", "held": "占用", "debt": "欠"}
_STATE_WORDS = {"issued": "未用", "held": "占用", "used": "已用", "expired": "过期", "voided": "作废", "given": "转赠"}


def judge_money(verdict: Verdict, log: Path, connection: "psycopg.Connection[Any]") -> None:
    """Add the rows of the money to a verdict."""
    truth, found = work_out(read_log(log)), read_money(connection)
    verdict.add("orders", "订单", "booked", Counter(truth.orders.keys()), found.orders)
    verdict.add("orders", "退货", "returns", Counter(truth.returns.keys()), found.returns)
    refused = {place: Counter({key: 1 for key in side if key[1] == "refused"}) for place, side in enumerate((truth.judged, truth.answered))}
    verdict.add("orders", "应拒绝的", "refused", refused[0], refused[1])
    _points(verdict, truth, found)
    _coupons(verdict, truth, found)
    _tiers(verdict, truth, found)
    _settlement(verdict, truth, found)
    verdict.notes |= {"members": len(truth.members), "repeated_requests": truth.again}


def _points(verdict: Verdict, truth: MoneyTruth, found: MoneyFound) -> None:
    wanted: dict[str, Counter[str]] = {book: Counter() for book in BOOKS}
    for number, member in truth.members.items():
        book = member.book
        for name, points in zip(BOOKS, (book.active, book.pending, book.held, book.owed), strict=True):
            wanted[name][number] = points
    for name in BOOKS:
        verdict.add("points", _BOOK_WORDS[name], name, wanted[name], found.points[name])
    verdict.rows.append(Row("points", "账不平", "out of balance", 0, found.unbalanced, 0, found.unbalanced))


def _coupons(verdict: Verdict, truth: MoneyTruth, found: MoneyFound) -> None:
    states = {coupon.state for coupon in truth.coupons.values()} | set(found.coupons.values())
    for state in (each for each in _STATE_WORDS if each in states):
        wanted = Counter(key for key, coupon in truth.coupons.items() if coupon.state == state)
        held = Counter(key for key, its in found.coupons.items() if its == state)
        verdict.add("coupons", _STATE_WORDS[state], state, wanted, held)
    verdict.add("coupons", "核销", "redemptions", Counter(truth.uses.keys()), found.uses)


def _tiers(verdict: Verdict, truth: MoneyTruth, found: MoneyFound) -> None:
    names = [name for _, name, _ in truth.rules.tiers]
    for place, name in enumerate(names):
        wanted = Counter(number for number, member in truth.members.items() if member.tier == place)
        verdict.add("tiers", "", name, wanted, Counter(number for number, its in found.tiers.items() if its == name))
    climbs = Counter({number: member.climbs for number, member in truth.members.items() if member.climbs})
    verdict.add("tiers", "升降", "changes", climbs, found.climbs)


def _settlement(verdict: Verdict, truth: MoneyTruth, found: MoneyFound) -> None:
    """Points of every cell by the lot moves, and its fen as the house's own matrix showed them."""
    shown = Counter({(cell["issuing"], cell["redeeming"]): cell["fen"] or 0 for cell in truth.matrix})
    for cell in sorted(key for key in truth.cells.keys() | found.cells.keys() if truth.cells[key] or found.cells[key]):
        name = f"{cell[0]} → {cell[1]}"
        verdict.add("settlement", "", f"{name} 积分 points", Counter({cell: truth.cells[cell]}), Counter({cell: found.cells[cell]}))
        if cell[0] != cell[1]:
            verdict.add("settlement", "", f"{name} 分 fen", Counter({cell: truth.fen(cell)}), Counter({cell: shown[cell]}))
