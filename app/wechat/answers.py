"""Reading WeChat's answers: what should be there is there, or the answer counts as none."""

from collections.abc import Mapping
from typing import Any

from app.wechat.errors import Unanswered


def text(answer: Any, name: str, *, appid: str) -> str:
    """A text, or a number as text. Raises Unanswered."""
    value = answer.get(name) if isinstance(answer, Mapping) else None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise Unanswered(f"WeChat's answer holds no {name}", appid)
    return value


def whole(answer: Any, name: str, *, appid: str) -> int:
    """A whole number. Raises Unanswered."""
    value = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unanswered(f"WeChat's answer holds no {name}", appid)
    return value


def mappings(value: Any, *, appid: str) -> list[dict[str, Any]]:
    """A list of objects. Raises Unanswered."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise Unanswered("WeChat's answer holds no list of objects", appid)
    return value


def texts(value: Any, *, appid: str) -> list[str]:
    """A list of texts. Raises Unanswered."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Unanswered("WeChat's answer holds no list of texts", appid)
    return value
