"""The rules of the house that no other tool checks: each takes a source and names what breaks it."""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.local.place import CHECKOUT

ROOMS = ("app", "handlers", "jobs", "cards", "tagging", "sandbox")
BESIDE = ("tests", "migrations", "demo", "bench", "docs", "deploy")
"""Folders that stand beside the house: proofs, the door of Alembic, the demo, measurements and papers."""
DOORS = ("wsgi",)
LONGEST_FILE = 350
LONGEST_FUNCTION = 60
_SENTENCE = re.compile(r".+[.?!。？！](\s|$)", re.DOTALL)
# `Service` is a word of WeChat's own (service account, service message), so only a class that ends with it says nothing.
_EMPTY_NAMES = re.compile(r"(Manager|Helper|Util)s?($|[A-Z])|Services?$")
_UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImplemented" + "Error")) + r")\b")
# Written in two halves, so that this file does not break its own rule.
_REGISTRIES = (
    "py" + "pi.org",
    "python" + "hosted",
    "registry." + "npmjs",
    "npm" + "mirror",
    "deb." + "debian.org",
    "." + "tuna.",
    "npmjs" + ".com",
)
_MACHINE = ("/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/Us" + "ers/", "/far" + "m/")


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file: its path from the checkout and its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.path, self.text)

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def room(self) -> str:
        return self.path.removesuffix(".py").split("/", 1)[0]

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))


@cache
def _parsed(path: str, text: str) -> ast.Module:
    return ast.parse(text, path)


@cache
def tracked_files() -> tuple[str, ...]:
    """Every file that is or would be tracked, from the checkout."""
    answer = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return tuple(path for path in answer.stdout.splitlines() if (CHECKOUT / path).is_file())


@cache
def sources() -> tuple[Source, ...]:
    """Every Python file of the checkout."""
    return tuple(Source(path, (CHECKOUT / path).read_text()) for path in tracked_files() if path.endswith(".py"))


def of_the_house(found: Iterable[Source]) -> list[Source]:
    """Those that lie in a room or are a door."""
    return [source for source in found if source.room in ROOMS or source.module in DOORS]


def off_the_floors(source: Source, floors: Sequence[str]) -> str | None:
    """A module must be one of `floors` or lie inside one, be the sandbox's, or stand beside the house."""
    if source.room in (*BESIDE, "sandbox") or source.module in (*DOORS, "app"):
        return None
    if any(source.module == floor or source.module.startswith(f"{floor}.") for floor in floors):
        return None
    return f"{source.path} lies on no floor"


def commits(source: Source) -> list[str]:
    """Only the unit of work commits: `.commit()`, and `.begin()`, whose block commits when it ends, are its alone."""
    if source.path == "app/core/unit.py" or source.room == "sandbox":
        return []
    return [
        f"{source.path}:{call.lineno} calls .{call.func.attr}()"
        for call in source.calls()
        if isinstance(call.func, ast.Attribute) and call.func.attr in {"commit", "begin"}
    ]


def uses_db_session(source: Source) -> list[str]:
    """`db.session` would be a second, hidden unit of work."""
    return [
        f"{source.path}:{node.lineno} uses db.session"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and node.attr == "session" and isinstance(node.value, ast.Name) and node.value.id == "db"
    ]


def back_references(source: Source) -> list[str]:
    """Relationships point down only."""
    return [
        f"{source.path}:{call.lineno} has {word.arg}"
        for call in source.calls()
        for word in call.keywords
        if word.arg in {"backref", "back_populates"}
    ]


def opening_sentence(source: Source) -> str | None:
    """Every module opens with one sentence that says what lives there; `app/__init__.py` alone is empty."""
    if source.path == "app/__init__.py":
        return None
    said = ast.get_docstring(source.tree)
    if said is None:
        return f"{source.path} opens without a docstring"
    return None if _SENTENCE.match(said) else f"{source.path} opens with something that is not a sentence: {said[:40]!r}"


def silent_doors(source: Source) -> list[str]:
    """What a door offers to others says what it does."""
    return [
        f"{source.path}:{node.lineno} {node.name} has no docstring"
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_") and ast.get_docstring(node) is None
    ]


def empty_names(source: Source) -> list[str]:
    """A name that says nothing hides two ideas."""
    names = [node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef) and _EMPTY_NAMES.search(node.name)]
    file = Path(source.path).stem
    return [f"{source.path}:{node.lineno} {node.name} says nothing" for node in names] + (
        [f"{source.path} says nothing"] if re.search(r"(^|_)(manager|helper|util)s?$|_services?$", file) else []
    )


def too_long(source: Source) -> list[str]:
    """A file past 300 lines usually holds two ideas, past 350 surely; a function fits on a screen."""
    lines = source.text.count("\n")
    found = [f"{source.path} has {lines} lines"] if lines > LONGEST_FILE else []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                found.append(f"{source.path}:{node.lineno} {node.name} has {length} lines")
    return found


def unfinished(path: str, text: str) -> list[str]:
    """Nothing is left for later without an issue of its own."""
    return [f"{path}:{number} {line.strip()[:80]}" for number, line in enumerate(text.splitlines(), 1) if _UNFINISHED.search(line)]


def foreign_addresses(path: str, text: str) -> list[str]:
    """Where packages come from is the machine's matter, and so is where its folders lie."""
    return [
        f"{path}:{number} names {word}"
        for number, line in enumerate(text.splitlines(), 1)
        for word in (*_REGISTRIES, *_MACHINE)
        if word in line
    ]


def plug_in_folders(found: Iterable[Source]) -> set[str]:
    """Every package that somebody gives to `discover()`, by itself or in a tuple named ..._FOLDERS."""
    folders: set[str] = set()
    for source in found:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "discover":
                folders |= {part.value for part in node.args[:1] if isinstance(part, ast.Constant)}
            if isinstance(node, ast.Assign) and any(getattr(target, "id", "").endswith("_FOLDERS") for target in node.targets):
                folders |= {part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)}
    return folders
