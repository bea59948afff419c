"""The shell of the clerk's page, its service worker and its manifest: the same for everybody, so that a device may keep them."""

from functools import cache

import orjson
from flask import Blueprint, Response, render_template

from app.web.assets import ALLOWED, asset_url, npm_url, own_bytes, own_names, version_of
from app.web.clerk.door import Door

NAME, SHORT_NAME = "粉卡核销 · Fanka clerk", "粉卡核销"


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/clerk`, `/clerk/sw.js` and `/clerk/manifest.webmanifest`."""
    del door

    @blueprint.get("/clerk", strict_slashes=False)
    def shell() -> Response:
        answer = Response(render_template("clerk/shell.html", asset=asset_url, npm=npm_url), content_type="text/html; charset=utf-8")
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    @blueprint.get("/clerk/sw.js")
    def worker() -> Response:
        answer = Response(_worker(), content_type="text/javascript; charset=utf-8")
        answer.headers["Cache-Control"] = "no-cache"
        # It lies below /clerk/ and speaks for /clerk itself too.
        answer.headers["Service-Worker-Allowed"] = "/clerk"
        return answer

    @blueprint.get("/clerk/manifest.webmanifest")
    def manifest() -> Response:
        return Response(orjson.dumps(_manifest()), content_type="application/manifest+json")


def shell_files() -> list[str]:
    """Every address the page needs without a connection."""
    own = ["fanka.css", *(name for name in own_names("clerk") if not name.endswith("sw.js"))]
    # A module that another one imports is asked for without a version, so it is kept under both addresses.
    plain = [f"/assets/own/{name}" for name in own if name.endswith(".js")]
    return ["/clerk", *(asset_url(name) for name in own), *plain, *(npm_url(name) for name in ALLOWED)]


@cache
def _worker() -> bytes:
    own = ["fanka.css", *own_names("clerk")]
    head = f"const VERSION = {orjson.dumps(version_of(*own)).decode()};\nconst SHELL = {orjson.dumps(shell_files()).decode()};\n"
    return head.encode() + own_bytes("clerk/sw.js")


def _manifest() -> dict[str, object]:
    icons = [{"src": asset_url(f"clerk/icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"} for size in (192, 512)]
    return {
        "id": "/clerk",
        "name": NAME,
        "short_name": SHORT_NAME,
        "lang": "zh-Hans-CN",
        "start_url": "/clerk",
        "scope": "/clerk",
        "display": "standalone",
        "orientation": "any",
        "background_color": "#f5f5f4",
        "theme_color": "#14213d",
        "icons": [*icons, {**icons[1], "purpose": "maskable"}],
    }
