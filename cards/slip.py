"""The printed slip: text of 32 columns for paper of 58 mm, in which a Chinese sign takes two columns."""

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from app.core.clock import SHANGHAI

COLUMNS = 32


def width(text: str) -> int:
    """How many columns a text takes on the paper."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WFA" else 1 for sign in text)


def print_slip(*, store: str, quote: Mapping[str, Any], at: datetime, clerk: str, number: str, member: str = "", points: int = 0) -> str:
    """The slip of one order from its quote: what it came to, what took how much off, what is to be paid and what it earned.

    Lines end with a newline.
    """
    lines = [
        *_centred(store),
        "-" * COLUMNS,
        *_pair("单号 No.", number),
        *_pair("时间 Time", at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")),
        *_pair("经手 By", clerk),
        *(_pair("会员 Member", member) if member else ()),
        "-" * COLUMNS,
        *_pair("合计 Total", _yuan(quote["total_fen"])),
    ]
    if quote["tier_fen"]:
        lines += _pair(f"{quote['tier'] or '会员'}优惠", f"-{_yuan(quote['tier_fen'])}")
    for coupon in quote["coupons"]:
        lines += _pair(str(coupon["name"]), f"-{_yuan(coupon['discount_fen'])}")
    if quote["points"]:
        lines += _pair(f"积分 {quote['points']}", f"-{_yuan(quote['points_fen'])}")
    if quote["value_fen"]:
        lines += _pair("储值 Balance", f"-{_yuan(quote['value_fen'])}")
    lines += ["=" * COLUMNS, *_pair("应付 To pay", _yuan(quote["to_pay_fen"]))]
    if points:
        lines += _pair("本单积分 Points", f"+{points}")
    lines += ["", *_centred("谢谢惠顾 Thank you")]
    return "\n".join(lines) + "\n"


def _yuan(amount_fen: int) -> str:
    whole, rest = divmod(amount_fen, 100)
    return f"{whole}.{rest:02d}"


def _pair(left: str, right: str) -> Iterator[str]:
    """A word at the left and its value at the right edge; a long word takes lines of its own."""
    left, right = _plain(left), _plain(right)
    pieces = list(_folded(left, COLUMNS if width(left) + width(right) + 1 > COLUMNS else COLUMNS - width(right) - 1))
    yield from pieces[:-1]
    room = COLUMNS - width(pieces[-1]) - width(right)
    if room >= 1:
        yield pieces[-1] + " " * room + right
        return
    yield pieces[-1]
    for piece in _folded(right, COLUMNS):
        yield " " * (COLUMNS - width(piece)) + piece


def _centred(text: str) -> Iterator[str]:
    for piece in _folded(_plain(text), COLUMNS):
        yield " " * ((COLUMNS - width(piece)) // 2) + piece


def _folded(text: str, columns: int) -> Iterator[str]:
    piece = ""
    for sign in text:
        if width(piece + sign) > columns:
            yield piece
            piece = ""
        piece += sign
    yield piece


def _plain(text: str) -> str:
    """Without control signs: a name must not steer the printer."""
    return "".join(sign for sign in text if unicodedata.category(sign)[0] != "C")
