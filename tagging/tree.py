"""The tree of a segment: all, any and not over conditions, checked and bounded as it is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from app.core.errors import BadRequestError
from tagging.condition import Condition, ConditionParams
from tagging.condition_book import ConditionBook, conditions

MAX_DEPTH = 10
MAX_NODES = 100


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition with its parameters."""

    condition: Condition
    params: ConditionParams


@dataclass(frozen=True, slots=True)
class All:
    """Everybody who fulfils every child."""

    children: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """Everybody who fulfils at least one child; written `any`."""

    children: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Everybody who does not fulfil the child."""

    child: "Tree"


Tree = Leaf | All | Some | Not


def parse_tree(data: object, *, book: ConditionBook | None = None) -> Tree:
    """Read a tree from its JSON form: `{"all": [...]}`, `{"any": [...]}`, `{"not": {...}}`, or `{"kind": "tag", ...parameters}`.

    Raises BadRequestError (`bad_segment`, `unknown_condition`, `segment_too_big`) whose sentence names the path, as in `all.0.any.1.tag`.
    """
    return _Reader(book or conditions()).read(data, "", 1)


def tree_json(tree: Tree) -> dict[str, Any]:
    """The JSON form of a tree, which `parse_tree` reads again."""
    if isinstance(tree, Leaf):
        return {"kind": tree.condition.name, **tree.params.model_dump(mode="json", exclude_none=True)}
    if isinstance(tree, Not):
        return {"not": tree_json(tree.child)}
    return {"all" if isinstance(tree, All) else "any": [tree_json(child) for child in tree.children]}


def leaves(tree: Tree) -> Iterator[Leaf]:
    """Every condition of a tree, from left to right."""
    if isinstance(tree, Leaf):
        yield tree
    elif isinstance(tree, Not):
        yield from leaves(tree.child)
    else:
        for child in tree.children:
            yield from leaves(child)


class _Reader:
    def __init__(self, book: ConditionBook) -> None:
        self._book = book
        self._nodes = 0

    def read(self, data: object, path: str, depth: int) -> Tree:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise BadRequestError(f"a segment has at most {MAX_NODES} conditions, {MAX_DEPTH} deep", code="segment_too_big")
        if not isinstance(data, Mapping):
            raise BadRequestError(f"{_at(path)}: a condition is an object", code="bad_segment")
        words = [word for word in ("all", "any", "not", "kind") if word in data]
        if len(words) != 1:
            raise BadRequestError(f"{_at(path)}: exactly one of all, any, not and kind is needed", code="bad_segment")
        word = words[0]
        if word == "kind":
            return self._leaf(data, path)
        if len(data) > 1:
            raise BadRequestError(f"{_at(path)}: nothing may stand beside {word}", code="bad_segment")
        inner = f"{path}.{word}" if path else word
        if word == "not":
            return Not(self.read(data["not"], inner, depth + 1))
        return self._branch(word, data[word], inner, depth)

    def _branch(self, word: str, children: object, path: str, depth: int) -> Tree:
        if not isinstance(children, list) or not children:
            raise BadRequestError(f"{path}: a list with at least one condition is needed", code="bad_segment")
        read = tuple(self.read(child, f"{path}.{place}", depth + 1) for place, child in enumerate(children))
        return All(read) if word == "all" else Some(read)

    def _leaf(self, data: Mapping[Any, Any], path: str) -> Leaf:
        name = data["kind"]
        condition = self._book.find(name) if isinstance(name, str) else None
        if condition is None:
            shown = name[:40] if isinstance(name, str) else type(name).__name__
            raise BadRequestError(
                f"{_at(path)}: there is no condition {shown!r}; there are {', '.join(self._book.names())}", code="unknown_condition"
            )
        given = {key: value for key, value in data.items() if key != "kind"}
        try:
            return Leaf(condition, condition.params.model_validate(given))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join([*([path] if path else []), condition.name, *map(str, first["loc"])])
            raise BadRequestError(f"{where}: {first['msg']}", code="bad_segment") from error


def _at(path: str) -> str:
    return path or "the segment"
