"""What becomes of tags when a follower is erased, two customers are joined or one is parted: moved, or derived again from the facts that stay."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Table, and_, delete, exists, not_, or_, select, text, true
from sqlalchemy.orm import Session

from app.core.facts import Fact, FactRow
from app.core.nouns import Customer, Follower
from tagging.among import among
from tagging.apply import apply_rules, standing
from tagging.evidence import HAND, NOBODY, Evidence, as_evidence, gather, keep
from tagging.membership import removal_bars, settle
from tagging.models import TagEvidence, Why
from tagging.rulebook import RuleBook
from tagging.scans import find_channels
from tagging.windows import questions

_EVIDENCE = cast("Table", TagEvidence.__table__)


def erase_follower(session: Session, fact: Fact, *, book: RuleBook, now: datetime) -> None:
    """Forget what a follower's facts up to his erasure said; what his later facts say stands."""
    customer_id, follower_id = fact.customer_id, fact.follower_id
    if customer_id is None or follower_id is None:
        return
    dropped = _drop(session, TagEvidence.follower_id == follower_id)
    dropped += _drop_personal(session, customer_id, follower_id, erased_at=fact.occurred_at)
    dropped += _drop_counted(session, {customer_id}, book=book)
    erased = and_(FactRow.follower_id == follower_id, FactRow.occurred_at <= fact.occurred_at)
    own = _facts(session, FactRow.follower_id == follower_id, FactRow.occurred_at > fact.occurred_at)
    counted = _counted_facts(session, {customer_id}, book=book, without=erased)
    pieces = _derive(session, own, counted, book=book, customer_ids={customer_id}, now=now)
    keep(session, pieces)
    tag_ids = {piece.tag_id for piece in [*dropped, *pieces]}
    settle(session, {customer_id}, tag_ids, book=book, why=Why.ERASED, now=now)


def join_customers(session: Session, fact: Fact, *, book: RuleBook, now: datetime) -> None:
    """Everything of one customer moves to the other; what both know is merged, and windows are counted over both."""
    old, into = int(fact.data["from"]), int(fact.data["into"])
    moved = [replace(piece, customer_id=into) for piece in _drop(session, TagEvidence.customer_id == old)]
    session.execute(text("UPDATE tag_removal SET customer_id = :into WHERE customer_id = :old"), {"into": into, "old": old})
    session.execute(text("DELETE FROM customer_tag WHERE customer_id = :old"), {"old": old})
    keep(session, gather(moved))
    _recount(session, {into}, {piece.tag_id for piece in moved}, book=book, why=Why.JOINED, now=now)


def split_customer(session: Session, fact: Fact, *, book: RuleBook, now: datetime) -> None:
    """What one follower's facts said goes with him to a customer of his own; what was done by hand stays where it was."""
    old, into, follower_id = int(fact.data["from"]), int(fact.data["into"]), int(fact.data["follower"])
    moved = _drop(session, TagEvidence.customer_id == old, TagEvidence.follower_id == follower_id)
    keep(session, gather(replace(piece, customer_id=into) for piece in moved))
    _recount(session, {old, into}, {piece.tag_id for piece in moved}, book=book, why=Why.SPLIT, now=now)


def _recount(session: Session, customer_ids: Collection[int], tag_ids: Iterable[int], *, book: RuleBook, why: Why, now: datetime) -> None:
    """Count the windows of these customers anew, then settle their tags."""
    dropped = _drop_counted(session, customer_ids, book=book)
    counted = _counted_facts(session, customer_ids, book=book)
    pieces = _derive(session, [], counted, book=book, customer_ids=customer_ids, now=now)
    keep(session, pieces)
    touched = {*tag_ids, *(piece.tag_id for piece in [*dropped, *pieces])}
    settle(session, customer_ids, touched, book=book, why=why, now=now)


def _derive(
    session: Session, own: Sequence[Fact], counted: Sequence[Fact], *, book: RuleBook, customer_ids: Collection[int], now: datetime
) -> list[Evidence]:
    """What facts say when they are all there is. What has expired meanwhile is not brought back."""
    around = questions(counted, book.rules)
    new_keys = {fact.key for fact in counted}
    pieces = apply_rules(book, own, channels=find_channels(session, own), around=around, new_keys=new_keys)
    alive = [piece for piece in pieces if piece.expires_at is None or piece.expires_at > now]
    return gather(standing(alive, book=book, bars=removal_bars(session, customer_ids, book=book)))


def _drop(session: Session, *where: ColumnElement[bool]) -> list[Evidence]:
    rows = session.execute(delete(_EVIDENCE).where(*where).returning(_EVIDENCE)).mappings()
    return [as_evidence(row) for row in rows]


def _drop_personal(session: Session, customer_id: int, follower_id: int, *, erased_at: datetime) -> list[Evidence]:
    """What was said by hand, or by facts of no account, about a customer whom nobody stands for any more."""
    forgotten = session.scalar(select(Customer.erased_at).where(Customer.id == customer_id))
    if forgotten is not None:
        return _drop(session, TagEvidence.customer_id == customer_id, TagEvidence.follower_id == NOBODY)
    others = exists().where(Follower.customer_id == customer_id, Follower.id != follower_id, Follower.openid.is_not(None))
    if session.scalar(select(others)):
        return []
    return _drop(session, TagEvidence.customer_id == customer_id, TagEvidence.source == HAND, TagEvidence.last_at <= erased_at)


def _drop_counted(session: Session, customer_ids: Collection[int], *, book: RuleBook) -> list[Evidence]:
    sources = [rule.source for rule in book.rules if rule.window is not None]
    if not sources:
        return []
    return _drop(session, among(TagEvidence.customer_id, customer_ids), TagEvidence.source.in_(sources))


def _counted_facts(
    session: Session, customer_ids: Collection[int], *, book: RuleBook, without: ColumnElement[bool] | None = None
) -> list[Fact]:
    kinds = sorted({rule.window.kind for rule in book.rules if rule.window is not None})
    if not kinds:
        return []
    stay = true() if without is None else or_(FactRow.follower_id.is_(None), not_(without))
    return _facts(session, among(FactRow.customer_id, customer_ids), FactRow.kind.in_(kinds), stay)


def _facts(session: Session, *where: ColumnElement[bool]) -> list[Fact]:
    rows = session.execute(select(FactRow.__table__).where(*where)).mappings()
    return [
        Fact(row["key"], row["kind"], row["occurred_at"], row["data"], row["customer_id"], row["follower_id"], row["account_id"], row["id"])
        for row in rows
    ]
