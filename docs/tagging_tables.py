"""Writes the tables in `docs/tags.md` and `docs/segments.md` from the registries. `make docs` runs it, a test compares."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))

from tagging.condition_book import OWN, ConditionBook  # noqa: E402 - the checkout is put on the path first.
from tagging.rulebook import rule_kinds  # noqa: E402

BEGIN, END = "<!-- made from the code: begin -->", "<!-- made from the code: end -->"


def rules_table() -> str:
    """Every kind of tag rule with its parameters."""
    return _table("kind", rule_kinds().values())


def conditions_table() -> str:
    """Every segment condition of this room with its parameters."""
    return _table("kind", ConditionBook([OWN]).all())


PAGES = {"docs/tags.md": rules_table, "docs/segments.md": conditions_table}


def with_table(page: str, table: str) -> str:
    """A page with its table made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}{END}{after}"


def _table(head: str, plugins: Iterable[Any]) -> str:
    rows = [f"| {head} | what it says | parameters |", "|---|---|---|"]
    for plugin in sorted(plugins, key=lambda each: str(each.name)):
        schema = plugin.params.model_json_schema()
        needed = set(schema.get("required", ()))
        told = [f"`{name}`{'' if name in needed else '?'} {_shape(part)}" for name, part in schema["properties"].items()]
        rows.append(f"| `{plugin.name}` | {plugin.title} | {'; '.join(told)} |")
    return "\n".join(rows) + "\n"


def _shape(part: dict[str, Any]) -> str:
    """One parameter in a few words: its type, and its bounds where it has some."""
    kinds = [_shape(each) for each in part.get("anyOf", ()) if each.get("type") != "null"]
    if kinds:
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in part:
        return " / ".join(map(str, part["enum"]))
    kind = str(part.get("format") or part.get("type", "value"))
    if kind == "array":
        kind = f"list of {_shape(part['items'])}"
    least = part.get("minimum", part.get("exclusiveMinimum", part.get("minItems")))
    most = part.get("maximum", part.get("maxItems", part.get("maxProperties")))
    bounds = " to ".join(str(each) for each in (least, most) if each is not None)
    return f"{kind} ({'up to ' if least is None else ''}{bounds})" if bounds else kind


def main() -> None:
    """Write the tables where they stand."""
    for name, table in PAGES.items():
        path = CHECKOUT / name
        path.write_text(with_table(path.read_text(), table()))


if __name__ == "__main__":
    main()
