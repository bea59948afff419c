"""The one table of the demo: Chinese with English, aligned in a terminal."""

import unicodedata
from collections.abc import Sequence

from demo.verdict import Row, Verdict

_HEADS = ("项目 item", "真相 truth", "粉卡 Fanka", "丢失 lost", "重复 doubled", "")
_PARTS = {
    "events": "事件 Events",
    "facts_by_kind": "事实 Facts",
    "followers": "关注者 Followers",
    "customers": "顾客 Customers",
    "tags": "标签 Tags",
    "channels": "渠道 Channels (扫码与关注 scans and follows)",
    "segment": "分群 Segment",
    "messages": "消息 Messages",
    "deliveries": "回执 Receipts",
    "orders": "订单 Orders",
    "points": "积分 Points",
    "coupons": "优惠券 Coupons",
    "tiers": "等级 Tiers",
    "settlement": "结算 Settlement (发行 issued → 使用 used)",
}


def width(text: str) -> int:
    """Columns in a terminal: Chinese signs take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def table(verdict: Verdict) -> list[str]:
    """The lines of the table."""
    cells = [_HEADS, *(_cells(row) for row in verdict.rows)]
    wide = [max(width(each[column]) for each in cells) for column in range(len(_HEADS))]
    rule = "─" * (sum(wide) + 2 * len(wide))
    lines, part = [_line(_HEADS, wide)], ""
    for row in verdict.rows:
        if row.part != part:
            part = row.part
            lines += [rule, _PARTS[part]]
        lines.append(_line(_cells(row), wide))
    return [*lines, rule]


def _cells(row: Row) -> tuple[str, ...]:
    label = row.en if row.zh in {"", row.en} else f"{row.zh} {row.en}"
    good = row.lost == row.doubled == 0
    return f"  {label}", f"{row.truth:,}", f"{row.fanka:,}", f"{row.lost:,}", f"{row.doubled:,}", "✓" if good else "✗"


def _line(cells: Sequence[str], wide: Sequence[int]) -> str:
    first, *numbers, mark = cells
    shown = [first + " " * (wide[0] - width(first))]
    shown += [" " * (columns - width(cell)) + cell for cell, columns in zip(numbers, wide[1:], strict=False)]
    return "  ".join([*shown, mark]).rstrip()
