"""Segments: a tree of conditions compiled to one statement over customer ids; counted, listed, explained and kept under a name."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.errors import QueryCanceled
from sqlalchemy import ColumnElement, CompoundSelect, Select, exists, func, literal_column, select, text, union, union_all
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, NotFoundError, UnavailableError
from app.core.nouns import Customer
from tagging.tree import All, Leaf, Not, Some, Tree, leaves, parse_tree, tree_json

COUNT_TIMEOUT_MS = 5000
MAX_PAGE = 500

Ids = Select[Any] | CompoundSelect[Any]
"""A statement of one column of customer ids, each once."""


class _Part(NamedTuple):
    ids: Ids
    settled: bool
    """Whether nobody in it was joined into another or erased."""


def compile_tree(tree: Tree, now: datetime) -> Select[Any]:
    """One parameterised SELECT of the customer ids of a segment, each once; joined and erased customers are never in it.

    Every condition is read once, as a set: what must hold is semi-joined, what must not is anti-joined, alternatives are united. The big customer
    table is read only where a tree needs it: under a `not` that stands alone, or when no condition vouches that its customers are live.
    """
    return _live(_compile(tree, now=now))


def _live(part: _Part) -> Select[Any]:
    if part.settled:
        found = part.ids.subquery("member")
        return select(found.c[0].label("customer_id"))
    return _narrow(part.ids, wanted=[_everybody()], unwanted=[])


def _compile(tree: Tree, *, now: datetime) -> _Part:
    if isinstance(tree, Leaf):
        return _Part(tree.condition.compile(tree.params, now=now), tree.condition.settled)
    if isinstance(tree, Not):
        if isinstance(tree.child, Not):
            return _compile(tree.child.child, now=now)
        return _Part(_narrow(_everybody(), wanted=[], unwanted=[_compile(tree.child, now=now).ids]), settled=True)
    if isinstance(tree, Some):
        return _unite(tree, now=now, once=True)
    return _compile_all(tree, now=now)


def _unite(tree: Some, *, now: datetime, once: bool) -> _Part:
    """Alternatives as one set, or, where `once` does not matter, simply one after the other."""
    parts = [_compile(child, now=now) for child in tree.children]
    if len(parts) == 1:
        return parts[0]
    every = [part.ids for part in parts]
    return _Part(union(*every) if once else union_all(*every), all(part.settled for part in parts))


def _compile_all(tree: All, *, now: datetime) -> _Part:
    """What must not hold is taken away from what must: no need for everybody."""
    wanted = [_compile(child, now=now) for child in tree.children if not isinstance(child, Not)]
    unwanted = [_compile(child.child, now=now).ids for child in tree.children if isinstance(child, Not)]
    if not wanted:
        return _Part(_narrow(_everybody(), wanted=[], unwanted=unwanted), settled=True)
    ids = _narrow(wanted[0].ids, wanted=[part.ids for part in wanted[1:]], unwanted=unwanted)
    return _Part(ids, any(part.settled for part in wanted))


def _narrow(ids: Ids, *, wanted: Sequence[Ids], unwanted: Sequence[Ids]) -> Select[Any]:
    """Those of `ids` that are in all of `wanted` and in none of `unwanted`.

    PostgreSQL makes joins of these, which at a million customers cost it half of what INTERSECT and EXCEPT do.
    """
    base = ids.subquery()
    found = select(base.c[0].label("customer_id"))
    for other in wanted:
        found = found.where(_holds(other, base.c[0]))
    for other in unwanted:
        found = found.where(~_holds(other, base.c[0]))
    return found


def _holds(ids: Ids, customer_id: ColumnElement[Any]) -> ColumnElement[bool]:
    other = ids.subquery()
    return exists(select(literal_column("1")).where(other.c[0] == customer_id))


def _everybody() -> Select[Any]:
    return select(Customer.id).where(Customer.joined_into_id.is_(None), Customer.erased_at.is_(None))


def verify_tree(session: Session, tree: Tree) -> None:
    """Raise NotFoundError when a condition names something that does not exist."""
    for leaf in leaves(tree):
        leaf.condition.verify(session, leaf.params)


def count_segment(session: Session, tree: Tree, *, now: datetime, timeout_ms: int = COUNT_TIMEOUT_MS) -> int:
    """How many customers are in a segment. Raises UnavailableError (`segment_timeout`) after `timeout_ms`; the transaction is then over."""
    before = session.scalar(text("SELECT current_setting('statement_timeout')"))
    set_timeout = text("SELECT set_config('statement_timeout', :to, true)")
    session.execute(set_timeout, {"to": str(timeout_ms)})
    try:
        counted = session.scalar(_count(tree, now=now))
    except DBAPIError as error:
        if isinstance(error.orig, QueryCanceled):
            raise UnavailableError(f"the count took longer than {timeout_ms} ms", code="segment_timeout") from error
        raise
    session.execute(set_timeout, {"to": before})
    return int(counted or 0)


def _count(tree: Tree, *, now: datetime) -> Select[Any]:
    """Alternatives at the top are counted without being made a set first: sorting their ids once is quicker than hashing them."""
    if isinstance(tree, Some):
        found = _live(_unite(tree, now=now, once=False)).subquery()
        return select(func.count(found.c[0].distinct()))
    return select(func.count()).select_from(compile_tree(tree, now).subquery())


class Page(NamedTuple):
    """Some members of a segment by public id, and where to go on; `after` is None on the last page."""

    members: list[UUID]
    after: UUID | None


def list_members(session: Session, tree: Tree, *, now: datetime, after: UUID | None = None, limit: int = 100) -> Page:
    """Members in the order in which they became customers, from behind `after`. Raises BadRequestError on a bad cursor or limit."""
    _check_limit(limit)
    found = compile_tree(tree, now).subquery()
    query = select(Customer.public_id).join(found, found.c.customer_id == Customer.id).order_by(Customer.id).limit(limit + 1)
    if after is not None:
        start = session.scalar(select(Customer.id).where(Customer.public_id == after))
        if start is None:
            raise BadRequestError("the cursor is not one that was given out", code="bad_cursor")
        query = query.where(Customer.id > start)
    members = list(session.scalars(query))
    return Page(members[:limit], members[limit - 1] if len(members) > limit else None)


def sample_members(session: Session, tree: Tree, *, now: datetime, size: int = 10) -> list[UUID]:
    """Some members at random, by public id."""
    _check_limit(size)
    found = compile_tree(tree, now).order_by(func.random()).limit(size).subquery()
    return list(session.scalars(select(Customer.public_id).join(found, found.c.customer_id == Customer.id)))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a node of the tree says about one customer, and why."""

    node: str
    """`all`, `any`, `not`, or the name of the condition."""
    holds: bool
    why: str
    children: tuple["Verdict", ...] = ()


def explain(session: Session, tree: Tree, customer_id: int, *, now: datetime) -> Verdict:
    """Each node with its verdict for one customer. Raises NotFoundError for one who was joined into another, erased or never known."""
    if session.scalar(_everybody().where(Customer.id == customer_id)) is None:
        raise NotFoundError("there is no such customer any more", code="no_such_customer")
    return _explain(session, tree, customer_id, now=now)


def _explain(session: Session, tree: Tree, customer_id: int, *, now: datetime) -> Verdict:
    if isinstance(tree, Leaf):
        condition, params = tree.condition, tree.params
        holds = condition.holds(session, params, customer_id, now=now)
        return Verdict(condition.name, holds, condition.explain(session, params, customer_id, now=now))
    if isinstance(tree, Not):
        inner = _explain(session, tree.child, customer_id, now=now)
        return Verdict("not", not inner.holds, "it holds, so this does not" if inner.holds else "it does not hold, so this does", (inner,))
    children = tuple(_explain(session, child, customer_id, now=now) for child in tree.children)
    held = sum(child.holds for child in children)
    if isinstance(tree, All):
        return Verdict("all", held == len(children), f"{held} of {len(children)} hold, all are needed", children)
    return Verdict("any", held > 0, f"{held} of {len(children)} hold, one is needed", children)


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE:
        raise BadRequestError(f"between 1 and {MAX_PAGE} members at a time", code="bad_limit")


__all__ = [
    "All",
    "Leaf",
    "Not",
    "Page",
    "Some",
    "Tree",
    "Verdict",
    "compile_tree",
    "count_segment",
    "explain",
    "list_members",
    "parse_tree",
    "sample_members",
    "tree_json",
    "verify_tree",
]
