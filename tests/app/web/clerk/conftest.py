"""The counter of these tests: a clerk logged in at a paired device."""

import pytest

from app.core import passwords
from tests.support.clerk import Page, open_counter


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A hash that is quick to make; how slow the real one is, is no matter of these tests."""
    monkeypatch.setattr(passwords, "_COST", 2**4)


@pytest.fixture
def counter(house):
    return open_counter(house)


@pytest.fixture
def page(web, counter):
    return Page(web, counter)
