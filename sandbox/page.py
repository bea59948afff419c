"""The page `/` and its files: read once, served with a strict content security policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandbox.net.message import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

_STATIC: Final = Path(__file__).parent / "static"
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"Content-Security-Policy", _POLICY),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"Cache-Control", b"no-cache"),
)
_TYPES: Final = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}


def _page(file: Path) -> Callable[[], Reply]:
    def page() -> Reply:
        return Reply(file.read_bytes(), 200, _TYPES[file.suffix], _HEADERS)

    return page


def _pages() -> dict[str, Callable[[], Reply]]:
    found = {f"/static/{file.name}": _page(file) for file in sorted(_STATIC.iterdir()) if file.suffix in _TYPES}
    if "/static/index.html" in found:
        found["/"] = found.pop("/static/index.html")
    return found


PAGES: Final = _pages()
