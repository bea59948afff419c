"""Writes the documents that are made from the code: settings, plug-ins and facts. `make docs` runs it, a test compares.

Nothing here is written by hand: the words are those of the code's own docstrings.
"""

import ast
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))

from app.core import kinds, settings  # noqa: E402 - the checkout is put on the path first.
from app.core.registry import discover  # noqa: E402

FOLDERS = (
    ("handlers.on", "Message handlers", "hears"),
    ("tagging.rules", "Kinds of tag rules", "params"),
    ("tagging.conditions", "Segment conditions over tags, channels and events", "params"),
    ("tagging.starter_sets", "Starter sets of tags", ""),
    ("jobs.conditions", "Segment conditions over broadcasts", "params"),
    ("cards.conditions", "Segment conditions over membership", "params"),
    ("app.core.projections", "Projections of the ground", "listens"),
    ("tagging.projections", "Projections of tags and channels", "listens"),
    ("jobs.projections", "Projections of broadcasts", "listens"),
    ("jobs.reactions", "Reactions", "listens"),
    ("jobs.carriers", "Message carriers", ""),
    ("cards.earning", "Kinds of earning rules", "params"),
    ("cards.tier_rules", "What a tier may be measured by", ""),
    ("cards.coupon_types", "Types of coupons", ""),
    ("app.wechat.cards", "Mirrors of the member card", ""),
    ("cards.projections", "Projections of money", "listens"),
)
ROOMS = ("app", "handlers", "jobs", "cards", "tagging")
_MAKERS = {"fact", "Fact", "FactDraft"}


def settings_page() -> str:
    """Every variable of the environment with its default and the words of its field."""
    tree = ast.parse(inspect.getsource(settings.Settings))
    body = tree.body[0]
    assert isinstance(body, ast.ClassDef)
    words: dict[str, str] = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name) and isinstance(after, ast.Expr):
            words[before.target.id] = _oneline(str(ast.literal_eval(after.value)))
    rows = []
    for field in fields(settings.Settings):
        variable = settings.variable_of(field.name)
        default = settings._DEFAULTS.get(variable)  # noqa: SLF001 - the page shows exactly what the reader uses.
        said = words[field.name].removeprefix(f"`{variable}`").lstrip(":. ")
        rows.append((f"`{variable}`", f"`{default}`" if default is not None else "", said))
    outside = ", ".join(f"`{name}`" for name in sorted(settings._KNOWN_OUTSIDE))  # noqa: SLF001
    return (
        "# Settings\n\nEvery setting is a variable of the environment, read once when a process starts. A variable that begins with `FANKA_` and is not "
        "in this list stops the start.\nWithout `DATABASE_URL` and `REDIS_URL`, `fanka up` and `make demo` run servers of their own.\n\n"
        + _table(("variable", "default", "meaning"), rows)
        + f"\nRead by the process around the settings: {outside}.\n"
    )


def plugins_page() -> str:
    """Every plug-in found in every folder: its name, its own sentence, what it listens to."""
    parts = ["# Plug-ins\n\nOne file each, found by name when a process starts; two with one name stop the start.\n"]
    for package, title, attribute in FOLDERS:
        rows = []
        for plugin in discover(package):
            module = _module_of(package, plugin.name)
            rows.append((f"`{plugin.name}`", _oneline(str(module.__doc__)), *([_declared(plugin, attribute)] if attribute else [])))
        if rows:
            head = ("name", "what it does", *([{"params": "parameters"}.get(attribute, attribute)] if attribute else []))
            parts.append(f"## {title} · `{package.replace('.', '/')}/`\n\n{_table(head, rows)}")
    return "\n".join(parts)


def facts_page() -> str:
    """Every kind of fact: which module writes it and who listens."""
    written: dict[str, set[str]] = {value: set() for name, value in vars(kinds).items() if name.isupper() and isinstance(value, str)}
    constants = {name: value for name, value in vars(kinds).items() if name.isupper() and isinstance(value, str)}
    for path in sorted(path for room in ROOMS for path in (CHECKOUT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            kind = _kind_made_by(node, constants)
            if kind:
                written.setdefault(kind, set()).add(path.relative_to(CHECKOUT).as_posix())
    heard: dict[str, set[str]] = {}
    for package, _, attribute in FOLDERS:
        if attribute == "listens":
            for plugin in discover(package):
                for kind in plugin.listens:
                    heard.setdefault(kind, set()).add(f"{package}.{plugin.name}")
    rows = [
        (f"`{kind}`", " ".join(f"`{path}`" for path in sorted(paths)), " ".join(sorted(heard.get(kind, ()))))
        for kind, paths in sorted(written.items())
    ]
    return "# Facts\n\nWhat an event meant: past tense, dotted. The key of each is unique for good.\n\n" + _table(
        ("kind", "written by", "heard by"), rows
    )


PAGES: dict[str, Callable[[], str]] = {"docs/settings.md": settings_page, "docs/plugins.md": plugins_page, "docs/facts.md": facts_page}


def _kind_made_by(node: ast.AST, constants: dict[str, str]) -> str | None:
    if not isinstance(node, ast.Call) or getattr(node.func, "id", getattr(node.func, "attr", "")) not in _MAKERS:
        return None
    named = [word.value for word in node.keywords if word.arg == "kind"]
    for given in (*node.args[:2], *named):
        if isinstance(given, ast.Constant) and isinstance(given.value, str) and "." in given.value:
            return given.value
        name = getattr(given, "id", getattr(given, "attr", ""))
        if name in constants:
            return constants[name]
    return None


def _declared(plugin: Any, attribute: str) -> str:
    """What a plug-in hears or listens to, or the names of its parameters; those it can do without stand in brackets."""
    if attribute != "params":
        return " ".join(f"`{topic}`" for topic in sorted(getattr(plugin, attribute)))
    schema = plugin.params.model_json_schema()
    needed = schema.get("required", [])
    return " ".join(f"`{name}`" if name in needed else f"[`{name}`]" for name in schema.get("properties", {}))


def _module_of(package: str, plugin: str) -> Any:
    folder = importlib.import_module(package)
    for info in pkgutil.iter_modules(folder.__path__):
        module = importlib.import_module(f"{package}.{info.name}")
        if getattr(getattr(module, "plugin", None), "name", None) == plugin:
            return module
    raise LookupError(f"{package} has no {plugin}")


def _oneline(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


if __name__ == "__main__":
    for name, page in PAGES.items():
        (CHECKOUT / name).write_text(page())
        print(name)
