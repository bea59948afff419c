"""The page of handlers says what the registry says."""

from pathlib import Path

from app.core.registry import discover
from handlers.listing import lines, page

PAGE = Path(__file__).parents[2] / "docs" / "handlers.md"


def test_the_page_is_the_registry() -> None:
    assert PAGE.read_text() == page(discover("handlers.on")), "run: python -m handlers.listing > docs/handlers.md"


def test_every_handler_says_what_it_is_about() -> None:
    described = lines(discover("handlers.on"))
    assert all(line.about.endswith((".", "!")) for line in described)
    assert [line.name for line in described][-1] == "unknown"
