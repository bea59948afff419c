"""Tags given and taken by hand: one person or a whole segment, always with a name behind it."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Table, delete, select, text
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError
from app.core.house import House
from app.core.nouns import AuditEntry
from app.core.unit import reading, work
from tagging.among import among
from tagging.evidence import HAND, NOBODY, Evidence, as_evidence, keep
from tagging.membership import Holding, give, settle
from tagging.models import CustomerTag, Tag, TagEvidence, Why
from tagging.rulebook import RuleBook, read_exclusive
from tagging.segments import Tree, compile_tree, tree_json

CHUNK = 1000
Progress = Callable[[int, int], None]
"""Told how many of how many are done."""

_EVIDENCE = cast("Table", TagEvidence.__table__)
# Whoever was joined into another or erased is nobody to write on.
_LOCK_LIVE = text(
    "SELECT id FROM customer WHERE id = ANY(:ids) AND joined_into_id IS NULL AND erased_at IS NULL ORDER BY id FOR NO KEY UPDATE"
)


def tag_customers(
    session: Session, tag: Tag, *, customer_ids: Collection[int], actor: str, now: datetime, expires_at: datetime | None = None
) -> int:
    """Give a tag by hand. In an exclusive group it takes the place of an older one. Returns how many customers have the tag now.

    Raises BadRequestError when nobody's name is behind it or it would have expired already.
    """
    if not 0 < len(actor) <= 64:
        raise BadRequestError("a tag given by hand needs a name behind it", code="no_actor")
    if expires_at is not None and expires_at <= now:
        raise BadRequestError("a tag cannot expire before it is given", code="bad_expiry")
    live = _lock_live(session, customer_ids)
    key = f"{HAND}:{actor}"
    pieces = [Evidence(each, tag.id, HAND, NOBODY, key, now, key, now, 1.0, None, expires_at) for each in live]
    keep(session, pieces)
    give(session, pieces, book=RuleBook(exclusive=read_exclusive(session)), now=now)
    return len(live)


def untag_customers(session: Session, tag: Tag, *, customer_ids: Collection[int], actor: str, now: datetime) -> int:
    """Take a tag off by hand: with its evidence, and in an exclusive group with the older ones it hid.

    Facts that occurred before now do not bring it back; later ones do. Returns how many customers lost it.
    """
    live = _lock_live(session, customer_ids)
    query = select(CustomerTag.customer_id).where(CustomerTag.tag_id == tag.id, among(CustomerTag.customer_id, live))
    holders = session.scalars(query).all()
    if not holders:
        return 0
    book = RuleBook(exclusive=read_exclusive(session))
    rivals = [other for other in {tag.id, *book.exclusive} if book.rival(other) == book.rival(tag.id)]
    drop = delete(_EVIDENCE).where(among(TagEvidence.customer_id, holders), among(TagEvidence.tag_id, rivals)).returning(_EVIDENCE)
    lost: dict[Holding, list[Evidence]] = {}
    for row in session.execute(drop).mappings():
        piece = as_evidence(row)
        lost.setdefault((tag.id, piece.customer_id), []).append(piece)
    return settle(session, set(holders), {tag.id}, book=book, why=Why.HAND, now=now, actor=actor, lost=lost)


def tag_segment(house: House, tag_id: int, tree: Tree, *, actor: str, progress: Progress | None = None, take: bool = False) -> int:
    """Give a tag to everybody in a segment, or take it from them, in chunks of their own transactions.

    The members are fixed first. Running it again after it was stopped half-way ends in the same tags. Returns how many customers were changed.
    """
    now = house.clock.now()
    with reading(house.engine) as session:
        members: Sequence[int] = session.scalars(compile_tree(tree, now=now).order_by(text("1"))).all()
    changed = 0
    for start in range(0, len(members), CHUNK):
        chunk = members[start : start + CHUNK]
        with work(house.engine) as session:
            tag = session.get_one(Tag, tag_id)
            act = untag_customers if take else tag_customers
            changed += act(session, tag, customer_ids=chunk, actor=actor, now=now)
        if progress is not None:
            progress(start + len(chunk), len(members))
    with work(house.engine) as session:
        action = "tag.taken_from_segment" if take else "tag.given_to_segment"
        detail = {"members": len(members), "changed": changed, "tree": tree_json(tree)}
        public_id = str(session.get_one(Tag, tag_id).public_id)
        session.add(AuditEntry(at=now, actor=actor, action=action, object_type="tag", object_id=public_id, detail=detail))
    return changed


def _lock_live(session: Session, customer_ids: Collection[int]) -> list[int]:
    return list(session.scalars(_LOCK_LIVE, {"ids": sorted(set(customer_ids))}))
