"""Segments kept under a name, so that a broadcast and a person at a terminal mean the same people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, NotFoundError
from app.core.nouns import AuditEntry
from tagging.models import Segment
from tagging.segments import count_segment, parse_tree, tree_json, verify_tree

NAME_SIGNS = 64


def save_segment(session: Session, name: str, tree: Any, *, description: str = "", actor: str, now: datetime) -> Segment:
    """Keep a tree under a name; a known name gets the new tree, and its old count is forgotten.

    Raises BadRequestError on a bad name or tree, NotFoundError when the tree names something that does not exist.
    """
    name = name.strip()
    if not 0 < len(name) <= NAME_SIGNS or not name.isprintable() or len(description) > 200:
        raise BadRequestError(f"a segment's name has 1 to {NAME_SIGNS} printable characters, its description at most 200", code="bad_name")
    parsed = parse_tree(tree)
    verify_tree(session, parsed)
    kept = tree_json(parsed)
    segment = session.scalar(select(Segment).where(Segment.name == name).with_for_update())
    before = None if segment is None else segment.tree
    if segment is None:
        segment = Segment(name=name, description=description, tree=kept, created_at=now, updated_at=now)
        session.add(segment)
    else:
        segment.tree, segment.updated_at, segment.counted, segment.counted_at = kept, now, None, None
        segment.description = description or segment.description
    session.flush()
    session.add(
        AuditEntry(
            at=now,
            actor=actor,
            action="segment.saved",
            object_type="segment",
            object_id=str(segment.public_id),
            detail={"name": name, "before": before, "after": kept},
        )
    )
    return segment


def find_segment(session: Session, name: str) -> Segment:
    """A segment by its name. Raises NotFoundError."""
    segment = session.scalar(select(Segment).where(Segment.name == name))
    if segment is None:
        raise NotFoundError(f"there is no segment called {name!r}", code="no_such_segment")
    return segment


def list_segments(session: Session, *, after: str | None = None, limit: int = 100) -> Sequence[Segment]:
    """Segments by name, from behind `after`."""
    query = select(Segment).order_by(Segment.name).limit(limit)
    return session.scalars(query if after is None else query.where(Segment.name > after)).all()


def recount(session: Session, segment: Segment, *, now: datetime) -> int:
    """Count a segment now and keep the number with its moment. Raises UnavailableError when it takes too long."""
    counted = count_segment(session, parse_tree(segment.tree), now=now)
    segment.counted, segment.counted_at = counted, now
    return counted
