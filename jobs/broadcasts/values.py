"""What WeChat lets a template field hold: the value types of template messages, checked before anything is sent.

Limits as published with the message templates (`thing` 20 characters, `phrase` 5 Chinese characters and so on); a value that breaks one is
answered by errcode 47003, and line breaks, emoji, `first` and `remark` are removed without a word since 2023-05-04.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

MAX_VALUE = 256

_TYPED = re.compile(r"([a-z_]+?)(\d{1,3})")
_DAY = r"\d{4}(?:[-/.]\d{1,2}[-/.]\d{1,2}|年\d{1,2}月(?:\d{1,2}日)?)"
_HOUR = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
_MOMENT = rf"(?:{_DAY}(?:\s?{_HOUR})?|{_HOUR})"
# Characters shown as pictures by themselves, the selector that makes others so, joiners, key caps and flags; ★ and → are text.
_EMOJI = re.compile(
    "[\u200d\u20e3\ufe0f\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab\u26bd\u26be"
    "\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf"
    "\u2b1b\u2b1c\u2b50\u2b55\U0001f000-\U0001faff\U000e0020-\U000e007f]"
)
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")

_SIGNS: tuple[tuple[Callable[[str], object], str, str], ...] = (
    (re.compile("[\r\n\u2028\u2029]").search, "不能换行, 平台会删掉", "no line breaks: WeChat removes them"),
    (_EMOJI.search, "不能有表情符号, 平台会删掉", "no emoji: WeChat removes them"),
    (lambda value: not value.isprintable(), "含有不可见字符", "the value holds characters that cannot be shown"),
    (_PLACEHOLDER.search, "每个人收到同样的内容, 不支持占位符", "everyone gets the same words; placeholders are not filled in"),
)

REMOVED = frozenset({"first", "remark"})
"""Fields of old templates that WeChat cuts off."""


class Kind(NamedTuple):
    """One value type: the test, and the limit in both languages."""

    fits: Callable[[str], bool]
    zh: str
    en: str


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _at_most(limit: int) -> Callable[[str], bool]:
    return lambda value: len(value) <= limit


def _name_fits(value: str) -> bool:
    return len(value) <= (20 if value.isascii() else 10)


_SHORT_TEXT = Kind(_at_most(20), "最多 20 个字符", "at most 20 characters")
_A_MOMENT = _matches(rf"{_MOMENT}(?:\s?~\s?{_MOMENT})?")

KINDS: dict[str, Kind] = {
    "thing": _SHORT_TEXT,
    "const": _SHORT_TEXT,
    "enum": _SHORT_TEXT,
    "number": Kind(_matches(r"-?\d{1,24}(?:\.\d{1,7})?"), "数字, 最多 32 位", "a number of at most 32 digits"),
    "letter": Kind(_matches(r"[A-Za-z]{1,32}"), "最多 32 个字母", "at most 32 letters"),
    "symbol": Kind(_matches(r"[^\w\s]{1,5}"), "最多 5 个符号", "at most 5 symbols"),
    "character_string": Kind(
        _matches(r"[\x21-\x7e]{1,32}"), "最多 32 个数字、字母或符号, 不含汉字", "at most 32 digits, letters or symbols, no Chinese"
    ),
    "time": Kind(_A_MOMENT, "24 小时制时间, 如 2026-11-22 18:30", "a time of 24 hours such as 2026-11-22 18:30, or two of them around ~"),
    "date": Kind(_A_MOMENT, "日期, 如 2026年11月22日", "a date such as 2026-11-22, or two of them around ~"),
    "amount": Kind(
        _matches(r"[¥￥$€£]?\d{1,10}(?:\.\d{1,2})?元?"),
        "一个货币符号加最多 10 位数字, 可带小数和元",
        "one currency sign and at most 10 digits, with decimals or 元",
    ),
    "phone_number": Kind(_matches(r"[0-9+()*\-# ]{1,17}"), "最多 17 位号码", "at most 17 digits and signs"),
    "car_number": Kind(_at_most(8), "最多 8 个字符", "at most 8 characters"),
    "name": Kind(_name_fits, "最多 10 个汉字或 20 个字母", "at most 10 Chinese characters or 20 letters"),
    "phrase": Kind(_matches(r"[\u4e00-\u9fff]{1,5}"), "最多 5 个汉字", "at most 5 Chinese characters and nothing else"),
}


def kind_of(field: str) -> Kind:
    """The value type a template field's name declares: `thing1` is a `thing`. Names of no known type get the common limit."""
    typed = _TYPED.fullmatch(field)
    return KINDS.get(typed.group(1), _SHORT_TEXT) if typed else _SHORT_TEXT


def fault_in(field: str, value: str) -> str | None:
    """What is wrong with a value for this template field, Chinese first; None when WeChat will take and show all of it."""
    kind = kind_of(field)
    if not value.strip():
        return f"{field}: 内容为空, 平台会拒绝 (47003) / the value is empty and WeChat refuses it (47003)"
    for wrong, zh, en in _SIGNS:
        if wrong(value):
            return f"{field}: {zh} / {en}"
    if len(value) > MAX_VALUE or not kind.fits(value):
        return f"{field}: {kind.zh}, 现有 {len(value)} 个字符 / {kind.en}; this has {len(value)}"
    return None
