"""Names the platform gives: openids, unionids, tickets and codes, all derived from the seed."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

_SURNAMES: Final = "林陈黄张李王吴刘蔡杨许郑谢洪郭邱曾廖赖徐周叶苏庄吕江何萧罗高潘简朱钟彭游詹胡施沈余卢梁赵颜柯翁魏孙戴"
_GIVEN: Final = "美玲雅婷怡君淑芬佳颖欣怡诗涵宇轩子涵浩然梓萱思远志明建国晓东丽华秀英海燕文博天佑若曦可馨一诺雨桐俊杰"


def digest(*parts: object, size: int = 32) -> bytes:
    """Hash the parts, with their borders, into `size` bytes."""
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=size).digest()


def text_id(*parts: object, length: int) -> str:
    """Return `length` URL-safe characters derived from the parts."""
    raw = digest(*parts, size=min(64, length))
    return base64.urlsafe_b64encode(raw).decode("ascii").replace("=", "")[:length]


def openid(seed: int, person: str, appid: str) -> str:
    """28 characters that begin with `o`; the first six are the account's, as on the platform."""
    return "o" + text_id(seed, "account", appid, length=5) + text_id(seed, "openid", person, appid, length=22)


def unionid(seed: int, person: str, group: str) -> str:
    """28 characters, the same in all accounts of one Open Platform group; empty outside any group."""
    return "o" + text_id(seed, "unionid", person, group, length=27) if group else ""


def original_id(appid: str) -> str:
    """Return the account's `gh_` id, which callbacks carry as ToUserName."""
    return "gh_" + digest("original", appid, size=6).hex()


def person_name(seed: int, number: int) -> str:
    """Return a made-up Chinese name for person `number`."""
    raw = digest(seed, "name", number, size=4)
    given = _GIVEN[raw[1] % len(_GIVEN)] + (_GIVEN[raw[2] % len(_GIVEN)] if raw[3] % 4 else "")
    return _SURNAMES[raw[0] % len(_SURNAMES)] + given


def person_phone(number: int) -> str:
    """Return a mobile number for person `number`; no two people share one."""
    return f"138{number % 100_000_000:08d}"


def chance(seed: int, *parts: object) -> float:
    """Return a number in [0, 1) that depends on the seed and the parts only, never on timing."""
    return int.from_bytes(digest(seed, *parts, size=7)) / (1 << 56)
