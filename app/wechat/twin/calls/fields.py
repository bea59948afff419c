"""What the values of template fields may be, by the type in the field's name; the platform refuses others with 47003.

Source: https://developers.weixin.qq.com/miniprogram/dev/server/API/mp-message-management/subscribe-message/api_sendmessage
"""

import re
from collections.abc import Mapping
from typing import Any

from app.wechat.twin.calls.base import refuse

_FIELDS = re.compile(r"\{\{\s*([A-Za-z_]\w*)\.DATA\s*\}\}", re.ASCII)
_KIND = re.compile(r"([a-z_]+?)\d{1,3}")
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
_DATE = r"\d{4}(?:[-/.]\d{1,2}[-/.]\d{1,2}|年\d{1,2}月(?:\d{1,2}日)?)"
_TIME = rf"(?:{_DATE}(?:\s*{_CLOCK})?|{_CLOCK})"
_SHAPES: Mapping[str, re.Pattern[str]] = {
    "thing": re.compile(r".{1,20}", re.DOTALL),
    "symbol": re.compile(r".{1,5}", re.DOTALL),
    "car_number": re.compile(r".{1,8}", re.DOTALL),
    "const": re.compile(r".{1,20}", re.DOTALL),
    "enum": re.compile(r".{1,20}", re.DOTALL),
    "number": re.compile(r"(?=.{1,33}$)-?\d{1,32}(?:\.\d{1,32})?"),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
    "character_string": re.compile(r"[\x20-\x7e]{1,32}"),
    "phone_number": re.compile(r"[0-9+()*# -]{1,17}"),
    "phrase": re.compile(r"[\u4e00-\u9fff]{1,5}"),
    "name": re.compile(r"[\x00-\x7f]{1,20}|.{1,10}", re.DOTALL),
    "amount": re.compile(r"[¥￥$€£]?-?\d{1,10}(?:,\d{3})*(?:\.\d{1,2})?元?"),
    "time": re.compile(rf"{_TIME}(?:\s*~\s*{_TIME})?"),
    "date": re.compile(rf"{_TIME}(?:\s*~\s*{_TIME})?"),
}
# Historical templates have no typed limits.
_ANYTHING = re.compile(r".{1,200}", re.DOTALL)
# Cut off silently since 2023-05-04; the message is delivered without them.
_CUT_OFF = frozenset({"first", "remark"})


def fields_of(content: str) -> tuple[str, ...]:
    """The fields of a template's content, in order, each once."""
    return tuple(dict.fromkeys(_FIELDS.findall(content)))


def shown(fields: tuple[str, ...], data: Any) -> dict[str, str]:
    """The values that reach the person; refuses with 47003 that names the first wrong field."""
    if not isinstance(data, Mapping):
        refuse(47003)
    values = {}
    for name in fields:
        if name in _CUT_OFF:
            continue
        item = data.get(name)
        value = item.get("value") if isinstance(item, Mapping) else None
        value = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        kind = _KIND.fullmatch(name)
        shape = _SHAPES.get(kind[1] if kind else "", _ANYTHING)
        if not isinstance(value, str) or not shape.fullmatch(value):
            refuse(47003, f"data.{name}.value invalid")
        values[name] = value
    return values
