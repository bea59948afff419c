"""Limits on the values of template and subscription messages, by the type in the field's name (47003)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sandbox.calls.base import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

_PLACEHOLDER: Final = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\.DATA\s*\}\}")
_TYPED: Final = re.compile(r"([a-z_]+?)(\d{1,3})")
_DAY: Final = r"\d{4}(?:[-/.]\d{1,2}[-/.]\d{1,2}|年\d{1,2}月(?:\d{1,2}日)?)"
_HOUR: Final = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
_ONE_TIME: Final = rf"(?:{_DAY}(?:\s*{_HOUR})?|{_HOUR})"
_TIME: Final = re.compile(rf"{_ONE_TIME}(?:\s*~\s*{_ONE_TIME})?")
_PATTERNS: Final = {
    "number": re.compile(r"-?\d{1,32}(?:\.\d{1,32})?"),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
    "character_string": re.compile(r"[\x21-\x7e ]{1,32}"),
    "phone_number": re.compile(r"[0-9+()*\-# ]{1,17}"),
    "time": _TIME,
    "date": _TIME,
    "amount": re.compile(r"[¥￥$€£]?-?\d{1,10}(?:,\d{3})*(?:\.\d{1,2})?元?"),
    "phrase": re.compile(r"[\u4e00-\u9fff]{1,5}"),
}
_LENGTHS: Final = {"thing": 20, "symbol": 5, "car_number": 8, "const": 20, "enum": 20, "number": 33}
_MAX_LEGACY: Final = 200
# Since 2023 these are cut off silently; the message itself is delivered.
CUT_OFF: Final = frozenset({"first", "remark"})


def placeholders(content: str) -> tuple[str, ...]:
    """Return the field names of a template's content, in order, each once."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(content)))


def _name_fits(value: str) -> bool:
    wide = any(ord(char) > 0x7F for char in value)
    return len(value) <= (10 if wide else 20)


def _checker(field: str) -> Callable[[str], bool]:
    """Return the check of one field; historical templates (keyword1, first...) have no typed limits."""
    typed = _TYPED.fullmatch(field)
    kind = typed.group(1) if typed else ""
    if kind == "name":
        return _name_fits
    limit, pattern = _LENGTHS.get(kind, _MAX_LEGACY), _PATTERNS.get(kind)
    if pattern is None:
        return lambda value: len(value) <= limit
    return lambda value: len(value) <= limit and pattern.fullmatch(value) is not None


_CHECKERS: Final[dict[str, Callable[[str], bool]]] = {}
_MAX_CHECKERS: Final = 10_000


def check_fields(fields: tuple[str, ...], data: Any) -> dict[str, str]:
    """Return the values by field; refuses with 47003 that names the first wrong one."""
    if not isinstance(data, dict):
        refuse(47003, "data is an object")
    shown = {}
    for field in fields:
        item = data.get(field)
        value = item.get("value") if isinstance(item, dict) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if field in CUT_OFF:
            continue
        if not isinstance(value, str) or not value:
            refuse(47003, f"data.{field}.value is empty")
        check = _CHECKERS.get(field)
        if check is None:
            check = _checker(field)
            if len(_CHECKERS) < _MAX_CHECKERS:
                _CHECKERS[field] = check
        if not check(value):
            refuse(47003, f"data.{field}.value invalid")
        shown[field] = value
    return shown
