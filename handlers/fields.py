"""Reading the fields of an inbound: texts stripped (WeChat puts spaces around the CDATA of cards), numbers whole, lists always lists."""

from collections.abc import Mapping
from typing import Any

from app.core.inbound import Inbound

# What every body carries and `Inbound` holds apart.
ENVELOPE = frozenset({"ToUserName", "FromUserName", "CreateTime", "MsgType", "Event"})


def said(fields: Inbound | Mapping[str, Any], name: str) -> str:
    """A field as stripped text; a number of a JSON body as its digits; empty when it is missing or nested."""
    value = (fields.fields if isinstance(fields, Inbound) else fields).get(name)
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def whole(fields: Inbound | Mapping[str, Any], name: str) -> int | None:
    """A field as a whole number, None when it is none or beyond 18 digits."""
    text = said(fields, name)
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def decimal(fields: Inbound | Mapping[str, Any], name: str, *, within: float) -> float | None:
    """A field as a finite number of at most `within` either side of zero, else None."""
    text = said(fields, name)
    try:
        value = float(text) if len(text) <= 32 else None
    except ValueError:
        return None
    return value if value is not None and -within <= value <= within else None


def yes(fields: Inbound | Mapping[str, Any], name: str) -> bool:
    """A flag that WeChat writes as 0 or 1, and for gift cards as a word."""
    return said(fields, name) in {"1", "true"}


def inner(fields: Inbound | Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A nested element, empty when it is missing or only text."""
    value = (fields.fields if isinstance(fields, Inbound) else fields).get(name)
    return value if isinstance(value, Mapping) else {}


def items(fields: Inbound | Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The elements of a list: WeChat sends an object when there is only one."""
    value = (fields.fields if isinstance(fields, Inbound) else fields).get(name)
    many = value if isinstance(value, list) else [value]
    return [each for each in many if isinstance(each, Mapping)]


def rest(inbound: Inbound) -> dict[str, Any]:
    """Every field beside the envelope, for events whose fields nobody has listed for good."""
    return {name: value for name, value in inbound.fields.items() if name not in ENVELOPE}
