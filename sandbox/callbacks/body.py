"""The body of a callback: XML with CDATA as the platform writes it, or JSON for mini programs."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

# Characters that XML 1.0 cannot carry; the platform drops them.
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


def render(fields: dict[str, Any], form: str) -> bytes:
    """Render the fields as `xml` or `json`."""
    if form == "json":
        return orjson.dumps(fields)
    return f"<xml>{_children(fields)}</xml>".encode()


def wrap(original_id: str, sealed: str, form: str) -> bytes:
    """Render the envelope around a ciphertext."""
    if form == "json":
        return orjson.dumps({"ToUserName": original_id, "Encrypt": sealed})
    return f"<xml>{_children({'ToUserName': original_id, 'Encrypt': sealed})}</xml>".encode()


def with_both(fields: dict[str, Any], sealed: str, form: str) -> bytes:
    """Render the compatible mode: all fields in clear and the ciphertext beside them."""
    return render({**fields, "Encrypt": sealed}, form)


def _children(fields: dict[str, Any]) -> str:
    return "".join(_element(name, value) for name, value in fields.items() if _NAME.fullmatch(name))


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, dict):
        return f"<{name}>{_children(value)}</{name}>"
    if value is None:
        return f"<{name}></{name}>"
    if isinstance(value, (int, float)):
        return f"<{name}>{value}</{name}>"
    return f"<{name}><![CDATA[{cdata(str(value))}]]></{name}>"


def cdata(text: str) -> str:
    """Make a text safe inside one CDATA section: the closing mark is split over two."""
    return _ILLEGAL.sub("", text).replace("]]>", "]]]]><![CDATA[>")
