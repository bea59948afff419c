"""The clerk's page in a real Chromium: a server on loopback, a counter, and a page whose scripts must not fail."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page

from app.core import passwords
from app.factory import create_app
from app.web.clerk.door import DEVICE_COOKIE, STAFF_COOKIE
from tests.support.clerk import Counter, open_counter

# Chromium reports every refused or lost call as an error; those are what these tests are about.
_EXPECTED = ("Failed to load resource",)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A hash that is quick to make; how slow the real one is, is no matter of these tests."""
    monkeypatch.setattr(passwords, "_COST", 2**4)


@pytest.fixture
def counter(house, clock) -> Counter:
    """The browser lives in the machine's time, so the house does too."""
    clock.moment = datetime.now(UTC)
    return open_counter(house)


@pytest.fixture
def address(house, counter, serve: Callable[..., str]) -> str:
    return serve(create_app(house))


@contextmanager
def opened(browser: Browser, address: str, *, tokens: dict[str, str] | None = None, **wishes) -> Iterator[Page]:
    """The page at 390 by 844 in Chinese, ready; what its scripts throw or a policy refuses fails the test."""
    settings = {"viewport": {"width": 390, "height": 844}, "locale": "zh-CN", "timezone_id": "Asia/Shanghai", **wishes}
    context = browser.new_context(**settings)
    context.add_cookies([{"name": name, "value": value, "url": f"{address}/clerk"} for name, value in (tokens or {}).items()])
    page = context.new_page()
    page.set_default_timeout(20_000)
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" and not said.text.startswith(_EXPECTED) else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        page.goto(f"{address}/clerk")
        page.wait_for_selector("body[data-ready]")
        yield page
    finally:
        context.close()
    assert wrong == []


@pytest.fixture
def at_counter(chromium: Browser, address: str, counter: Counter) -> Iterator[Callable[..., Page]]:
    """`at_counter(staff=..., **context)` opens the page with somebody logged in, by default Chen."""
    with ExitStack() as stack:

        def enter(staff=None, **wishes) -> Page:
            tokens = {DEVICE_COOKIE: counter.device_token, STAFF_COOKIE: counter.log_in(staff)}
            return stack.enter_context(opened(chromium, address, tokens=tokens, **wishes))

        yield enter


def type_code(page: Page, code: str) -> None:
    """As a person does."""
    page.fill("#typed", code)
    page.click("#type .btn")


def preview(page: Page, code: str, amount: str) -> None:
    """Typed code, amount, and everything fits."""
    type_code(page, code)
    page.fill("#sheet input[name=amount]", amount)
    page.wait_for_selector("#confirm:not([disabled])")
