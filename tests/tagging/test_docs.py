"""The tables of rules and conditions in the documents are those of the code."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from app.core.settings import __file__ as anchor
from tagging.segments import parse_tree

ROOT = Path(anchor).parents[2]


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("tagging_tables", ROOT / "docs" / "tagging_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["docs/tags.md", "docs/segments.md"])
def test_the_table_is_up_to_date(tables, name):
    page = (ROOT / name).read_text()
    assert tables.BEGIN in page
    assert tables.with_table(page, tables.PAGES[name]()) == page, "run `make docs`"


def test_the_example_of_a_segment_is_one():
    examples = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "segments.md").read_text(), re.DOTALL)
    assert examples
    for example in examples:
        parse_tree(json.loads(example))
