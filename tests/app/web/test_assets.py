"""Assets: what is on the list and nothing else, kept for good under its version."""

import pytest

from app.web.assets import ALLOWED, OWN, asset_url, npm_url


def test_an_asset_is_kept_for_good_under_its_version_and_asked_after_without(web):
    answer = web.get(asset_url("fanka.css"))
    assert answer.data == (OWN / "fanka.css").read_bytes()
    assert "immutable" in answer.headers["Cache-Control"]
    plain = web.get("/assets/own/fanka.css")
    assert "no-cache" in plain.headers["Cache-Control"]
    assert web.get("/assets/own/fanka.css", headers={"If-None-Match": plain.headers["ETag"]}).status_code == 304


def test_the_decoder_comes_from_the_modules_with_its_type(web):
    for name in ALLOWED:
        assert web.get(npm_url(name)).status_code == 200
    assert web.get(npm_url("zxing-wasm/dist/reader/zxing_reader.wasm")).content_type == "application/wasm"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/own/../assets.py",
        "/assets/own/%2e%2e/assets.py",
        "/assets/own/nothing.css",
        "/assets/own//etc/passwd",
        "/assets/npm/weui/package.json",
        "/assets/npm/../package.json",
        "/assets/npm/zxing-wasm/dist/full/zxing_full.wasm",
    ],
)
def test_nothing_else_is_shown(web, path):
    assert web.get(path).status_code in {404, 308}


def test_the_lock_names_no_registry():
    lock = (OWN.parents[2] / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"integrity"' in lock
