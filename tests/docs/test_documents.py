"""The papers say what the code says: generated pages are compared, named tests and commands exist, links lead somewhere."""

import importlib.util
import re
import subprocess
import sys
from types import ModuleType

import pytest

from app.cli import COMMANDS
from app.local.place import CHECKOUT

FEATURES = CHECKOUT / "docs" / "features.md"
PAPERS = [
    path.relative_to(CHECKOUT).as_posix()
    for path in (*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md"), *CHECKOUT.glob("*/README.md"))
    if not {"node_modules", ".venv", "var"} & set(path.relative_to(CHECKOUT).parts)
]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", CHECKOUT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


@pytest.mark.parametrize("name", ["docs/settings.md", "docs/plugins.md", "docs/facts.md"])
def test_a_page_made_from_the_code_is_up_to_date(generate, name):
    assert set(generate.PAGES) == {"docs/settings.md", "docs/plugins.md", "docs/facts.md"}
    assert (CHECKOUT / name).read_text() == generate.PAGES[name](), "run `make docs`"


def test_every_setting_has_words_of_its_own(generate):
    rows = [line for line in generate.settings_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 15
    assert [row for row in rows if not row.rstrip("| ").split("|")[-1].strip()] == []


def rows_of(text: str) -> list[tuple[str, str, list[str]]]:
    """The rows of the table of features as (row, state, tests)."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"[A-HX]\d+", cells[0]):
            found.append((cells[0], cells[2], re.findall(r"`([^`]+)`", cells[3])))
    return found


def untrue(rows: list[tuple[str, str, list[str]]]) -> list[str]:
    """What a table of features claims and cannot prove."""
    wrong = []
    for row, state, tests in rows:
        if state not in {"open", "part", "done"}:
            wrong.append(f"{row}: {state} is no state")
        if (state == "open") is bool(tests):
            wrong.append(f"{row}: {state} with {len(tests)} tests")
        for named in tests:
            path, _, test = named.partition("::")
            file = CHECKOUT / path
            if not file.is_file() or not test or f"def {test}(" not in file.read_text():
                wrong.append(f"{row}: {named} does not exist")
    return wrong


def test_every_feature_is_proved_by_tests_that_exist():
    rows = rows_of(FEATURES.read_text())
    names = [row for row, _, _ in rows]
    assert len(names) == len(set(names)) == 69
    assert untrue(rows) == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("| A1 | webhook | done |  |", "A1: done with 0 tests"),
        ("| A1 | webhook | maybe | |", "A1: maybe is no state"),
        (
            "| A1 | webhook | done | `tests/docs/test_documents.py::test_of_nothing` |",
            "A1: tests/docs/test_documents.py::test_of_nothing does not exist",
        ),
        ("| A1 | webhook | done | `tests/nowhere.py::test_it` |", "A1: tests/nowhere.py::test_it does not exist"),
    ],
)
def test_an_untrue_feature_is_found(line, wrong):
    assert wrong in untrue(rows_of(line))


def test_the_readme_names_commands_that_exist():
    text = (CHECKOUT / "README.md").read_text()
    said = re.findall(r"^\s*(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(make|fanka) ([a-z-]+)", text, re.MULTILINE)
    assert {"demo", "test"} <= {word for verb, word in said if verb == "make"}
    verbs = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    for verb, word in said:
        assert word in (verbs if verb == "make" else COMMANDS), f"{verb} {word}"


def test_make_help_lists_every_verb():
    answer = subprocess.run(["make", "help"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    listed = re.findall(r"^  make ([a-z]+) ", answer.stdout, re.MULTILINE)
    assert listed == ["help", "install", "demo", "test", "check", "format", "bench", "soak", "docs", "lock"]


@pytest.mark.parametrize("name", PAPERS)
def test_links_between_papers_lead_somewhere(name):
    paper = CHECKOUT / name
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", paper.read_text()):
        if "://" not in target:
            assert (paper.parent / target).exists(), f"{name}: {target}"


def test_the_title_of_a_decision_is_the_decision():
    papers = sorted((CHECKOUT / "docs" / "adr").glob("*.md"))
    assert [path.name[:4] for path in papers] == [f"{number:04}" for number in range(1, len(papers) + 1)]
    for path in papers:
        title = path.read_text().splitlines()[0]
        plain = re.sub(r"[^a-z0-9 ]", "", title.lower().replace("-", " ")).split()
        assert plain[1:] == path.stem[5:].split("-"), path.name
