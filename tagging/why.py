"""Why somebody has a tag: each piece of evidence with the facts it began and ended with, and what took tags away before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core.facts import FactRow
from app.core.nouns import Account
from tagging.evidence import faded
from tagging.models import Channel, CustomerTag, Tag, TagEvidence, TagRemoval, TagRule


@dataclass(frozen=True, slots=True)
class ToldFact:
    """A fact as evidence shows it: what, when and on which account. None of its words."""

    key: str
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """One piece of evidence, for people."""

    source: str
    """`rule`, `channel` or `hand`."""
    name: str
    """Of the rule or channel, or who did it by hand."""
    account: str
    first: ToldFact
    last: ToldFact
    hits: int
    weight: float
    """Now, after fading."""
    expires_at: datetime | None
    alive: bool


@dataclass(frozen=True, slots=True)
class Removal:
    """One time a tag was lost."""

    why: str
    at: datetime
    actor: str
    evidence: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """All that is known about one customer and one tag."""

    tag: str
    tag_id: UUID
    held: bool
    expires_at: datetime | None
    reasons: list[Reason]
    removals: list[Removal]


def why_tagged(session: Session, customer_id: int, *, tag: Tag, now: datetime) -> Answer:
    """Evidence and removals of a tag for a customer; a tag that has expired is not held, swept or not."""
    held = session.scalar(select(CustomerTag).where(CustomerTag.tag_id == tag.id, CustomerTag.customer_id == customer_id))
    alive = held is not None and (held.expires_at is None or held.expires_at > now)
    pieces = session.scalars(
        select(TagEvidence)
        .where(TagEvidence.customer_id == customer_id, TagEvidence.tag_id == tag.id)
        .order_by(TagEvidence.last_at.desc(), TagEvidence.source, TagEvidence.follower_id)
    ).all()
    removals = session.scalars(
        select(TagRemoval)
        .where(TagRemoval.customer_id == customer_id, TagRemoval.tag_id == tag.id)
        .order_by(TagRemoval.at.desc())
        .limit(100)
    )
    names = _names(session, [piece.source for piece in pieces])
    facts = _facts(session, {key for piece in pieces for key in (piece.first_key, piece.last_key)})
    return Answer(
        tag.name,
        tag.public_id,
        alive,
        held.expires_at if alive and held is not None else None,
        [_reason(piece, names, facts, now=now) for piece in pieces],
        [Removal(each.why, each.at, each.actor, each.evidence) for each in removals],
    )


def tags_of(session: Session, customer_id: int, *, now: datetime) -> Sequence[Tag]:
    """The tags somebody has now, by name."""
    query = (
        select(Tag)
        .join(CustomerTag, CustomerTag.tag_id == Tag.id)
        .where(CustomerTag.customer_id == customer_id, or_(CustomerTag.expires_at.is_(None), CustomerTag.expires_at > now))
        .order_by(Tag.name)
    )
    return session.scalars(query).all()


_Facts = dict[str, tuple[str, str]]


def _reason(piece: TagEvidence, names: dict[str, str], facts: _Facts, *, now: datetime) -> Reason:
    source = piece.source.split(":", 1)[0]
    name = piece.last_key.split(":", 1)[-1] if source == "hand" else names.get(piece.source, piece.source)
    weight = faded(piece.weight, half_life_s=piece.half_life_s, seconds=(now - piece.last_at).total_seconds())
    kind, account = facts.get(piece.last_key, (source, ""))
    return Reason(
        source,
        name,
        account,
        ToldFact(piece.first_key, facts.get(piece.first_key, (source, ""))[0], piece.first_at),
        ToldFact(piece.last_key, kind, piece.last_at),
        piece.hits,
        weight,
        piece.expires_at,
        piece.expires_at is None or piece.expires_at > now,
    )


def _names(session: Session, sources: Sequence[str]) -> dict[str, str]:
    ids: dict[str, set[int]] = {"rule": set(), "channel": set()}
    for source in sources:
        kind, _, number = source.partition(":")
        if kind in ids and number.isdigit():
            ids[kind].add(int(number))
    rules = session.execute(select(TagRule.id, TagRule.name).where(TagRule.id.in_(ids["rule"])))
    channels = session.execute(select(Channel.id, Channel.name).where(Channel.id.in_(ids["channel"])))
    return {f"rule:{row[0]}": row[1] for row in rules} | {f"channel:{row[0]}": row[1] for row in channels}


def _facts(session: Session, keys: set[str]) -> _Facts:
    query = (
        select(FactRow.key, FactRow.kind, Account.name).outerjoin(Account, Account.id == FactRow.account_id).where(FactRow.key.in_(keys))
    )
    return {row[0]: (row[1], row[2] or "") for row in session.execute(query)}
