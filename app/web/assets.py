"""What pages load: our own files and the few of `node_modules` that are on the list, each with a version in its address."""

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, request

from app.core.errors import NotFoundError

OWN = Path(__file__).resolve().parent / "static"
MODULES = Path(__file__).resolve().parents[2] / "node_modules"
ALLOWED = (
    "weui/dist/style/weui.min.css",
    "zxing-wasm/dist/iife/reader/index.js",
    "zxing-wasm/dist/reader/zxing_reader.wasm",
)
"""The only files of `node_modules` anybody outside gets to see."""
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".wasm": "application/wasm", ".svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"
_ASK = "public, no-cache"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file in memory: what it is and under which version it is kept."""

    body: bytes
    content_type: str
    version: str


def asset_url(name: str) -> str:
    """The address of one of our own files, such as `fanka.css`."""
    return f"/assets/own/{name}?v={_own(name).version}"


def npm_url(name: str) -> str:
    """The address of a file of `node_modules` that is on the list."""
    return f"/assets/npm/{name}?v={_npm(name).version}"


def version_of(*names: str) -> str:
    """One version over several of our own files: it changes when any of them does."""
    return hashlib.sha256("".join(_own(name).version for name in names).encode()).hexdigest()[:16]


def own_names(folder: str) -> list[str]:
    """Our own files below a folder, sorted."""
    return sorted(path.relative_to(OWN).as_posix() for path in (OWN / folder).rglob("*") if path.is_file())


def own_bytes(name: str) -> bytes:
    """The content of one of our own files."""
    return _own(name).body


def make_assets() -> Blueprint:
    """`/assets/own/...` and `/assets/npm/...`."""
    blueprint = Blueprint("assets", __name__)

    @blueprint.get("/assets/own/<path:name>")
    def own(name: str) -> Response:
        return _answer(_own(name))

    @blueprint.get("/assets/npm/<path:name>")
    def npm(name: str) -> Response:
        return _answer(_npm(name))

    return blueprint


def _answer(asset: Asset) -> Response:
    kept = _FOREVER if request.args.get("v") == asset.version else _ASK
    answer = Response(asset.body, content_type=asset.content_type, headers={"Cache-Control": kept, "X-Content-Type-Options": "nosniff"})
    answer.set_etag(asset.version)
    answer.make_conditional(request)
    return answer


def _own(name: str) -> Asset:
    # Only a name that the folder really lists is read, so no path can climb out of it.
    if name not in _names():
        raise NotFoundError("there is no such file", code="no_asset")
    return _read(OWN / name)


def _npm(name: str) -> Asset:
    path = MODULES / name
    if name not in ALLOWED or not path.is_file():
        raise NotFoundError("there is no such file", code="no_asset")
    return _read(path)


@cache
def _names() -> frozenset[str]:
    return frozenset(own_names(""))


@cache
def _read(path: Path) -> Asset:
    body = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(body, kind, hashlib.sha256(body).hexdigest()[:16])
