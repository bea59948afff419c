"""Chromium for tests: Debian's or whichever is on PATH, else the one Playwright installed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from app.local.place import CHECKOUT

SCREENSHOTS = CHECKOUT / "var" / "screenshots"
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """The Chromium on PATH, or None for Playwright's own."""
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), None)


def chromium_flags() -> list[str]:
    """What every Chromium of a test is started with."""
    # Chromium's own sandbox does not start as root; the pages it opens here are ours.
    return [*(["--no-sandbox"] if os.getuid() == 0 else []), "--disable-dev-shm-usage"]


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """A headless browser that reaches loopback only."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=chromium_flags())
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: Browser, *, width: int, height: int) -> Iterator[Page]:
    """A page in a context of its own, in Chinese and Shanghai's time; what its console calls an error fails the test."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="Asia/Shanghai")
    page = context.new_page()
    wrong: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert not wrong, f"the console says: {wrong}"


def screenshot(page: Page, name: str) -> None:
    """Keep a picture of the page below `var/screenshots`, for eyes."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    # What moves has arrived: a screen that fades in would be seen half.
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True, animations="disabled")
