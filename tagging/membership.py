"""Who has which tag: derived from evidence, written as inserts and deletes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from tagging.among import among
from tagging.evidence import Evidence, as_evidence, told
from tagging.models import CustomerTag, TagEvidence, Why
from tagging.rulebook import RuleBook, ranks

Holding = tuple[int, int]
"""Tag id and customer id, as the primary key of `customer_tag` has them."""

_ROWS = "jsonb_to_recordset(CAST(:rows AS jsonb)) AS row(tag_id bigint, customer_id bigint, expires_at timestamptz)"
# The look before the insert keeps tags that are there already from costing a lock and a dead tuple each.
_GIVE = text(
    f"""
    INSERT INTO customer_tag (tag_id, customer_id, expires_at)
    SELECT tag_id, customer_id, expires_at FROM {_ROWS}
    WHERE NOT EXISTS (SELECT 1 FROM customer_tag held WHERE held.tag_id = row.tag_id AND held.customer_id = row.customer_id)
    ORDER BY tag_id, customer_id
    ON CONFLICT (tag_id, customer_id) DO NOTHING
    """  # noqa: S608 - a constant of this file.
)
_PROLONG = text(
    f"""
    UPDATE customer_tag held SET expires_at = row.expires_at FROM {_ROWS}
    WHERE held.tag_id = row.tag_id AND held.customer_id = row.customer_id
      AND held.expires_at IS NOT NULL AND (row.expires_at IS NULL OR row.expires_at > held.expires_at)
    """  # noqa: S608 - a constant of this file.
)
_MOVE_EXPIRY = text(
    f"""
    UPDATE customer_tag held SET expires_at = row.expires_at FROM {_ROWS}
    WHERE held.tag_id = row.tag_id AND held.customer_id = row.customer_id AND held.expires_at IS DISTINCT FROM row.expires_at
    """  # noqa: S608 - a constant of this file.
)
_TAKE = text(
    f"""
    DELETE FROM customer_tag held USING {_ROWS} WHERE held.tag_id = row.tag_id AND held.customer_id = row.customer_id
    """  # noqa: S608 - a constant of this file.
)
_NOTE = text(
    """
    INSERT INTO tag_removal (tag_id, customer_id, why, at, actor, evidence)
    SELECT tag_id, customer_id, why, at, actor, evidence
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS row(
        tag_id bigint, customer_id bigint, why text, at timestamptz, actor text, evidence jsonb)
    ORDER BY tag_id, customer_id
    """
)
_BARS = text(
    "SELECT customer_id, tag_id, max(at) FROM tag_removal WHERE why = 'hand' AND customer_id = ANY(:ids) GROUP BY customer_id, tag_id"
)


def give(session: Session, pieces: Sequence[Evidence], *, book: RuleBook, now: datetime) -> None:
    """Let new evidence, already kept, take effect. Its customers are locked by the caller."""
    free = [piece for piece in pieces if piece.tag_id not in book.exclusive]
    rivals = [piece for piece in pieces if piece.tag_id in book.exclusive]
    if free:
        _give_free(session, free)
    if rivals:
        settle(session, {piece.customer_id for piece in rivals}, {piece.tag_id for piece in rivals}, book=book, why=Why.EXCLUSIVE, now=now)


def _give_free(session: Session, pieces: Iterable[Evidence]) -> None:
    """Evidence for a free tag can only add it or prolong it, so nothing needs to be read."""
    wanted: dict[Holding, datetime | None] = {}
    for piece in pieces:
        holding = (piece.tag_id, piece.customer_id)
        known = wanted.get(holding, piece.expires_at)
        wanted[holding] = None if known is None or piece.expires_at is None else max(known, piece.expires_at)
    rows = _rows(wanted)
    added = session.execute(_GIVE, {"rows": rows}).rowcount  # type: ignore[attr-defined]
    if added < len(wanted):
        session.execute(_PROLONG, {"rows": rows})


def settle(
    session: Session,
    customer_ids: Collection[int],
    tag_ids: Collection[int],
    *,
    book: RuleBook,
    why: Why,
    now: datetime,
    actor: str = "",
    lost: Mapping[Holding, Sequence[Evidence]] | None = None,
) -> int:
    """Make `customer_tag` say what the evidence says, for these customers and tags and the rivals of these tags.

    `lost` is evidence that was just deleted, for the audit of the tags that go with it. Returns how many tags were taken away.
    """
    if not customer_ids or not tag_ids:
        return 0
    groups = {book.exclusive[tag_id] for tag_id in tag_ids if tag_id in book.exclusive}
    scope = sorted(set(tag_ids) | {tag_id for tag_id, group in book.exclusive.items() if group in groups})
    evidence = _evidence_of(session, customer_ids, scope)
    wanted = _wanted(evidence, book=book, rank=ranks(session) if groups else {})
    query = select(CustomerTag.tag_id, CustomerTag.customer_id, CustomerTag.expires_at).where(
        among(CustomerTag.customer_id, customer_ids), among(CustomerTag.tag_id, scope)
    )
    held: dict[Holding, datetime | None] = {(row.tag_id, row.customer_id): row.expires_at for row in session.execute(query)}
    gone = sorted(held.keys() - wanted.keys())
    if gone:
        justified = {(piece.tag_id, piece.customer_id) for piece in evidence}
        session.execute(_TAKE, {"rows": _rows(dict.fromkeys(gone))})
        notes = [
            _note(each, Why.EXCLUSIVE if each in justified else why, now=now, actor=actor, evidence=(lost or {}).get(each, ()))
            for each in gone
        ]
        session.execute(_NOTE, {"rows": orjson.dumps(notes).decode()})
    fresh = {each: wanted[each] for each in wanted.keys() - held.keys()}
    if fresh:
        session.execute(_GIVE, {"rows": _rows(fresh)})
    moved = {each: wanted[each] for each in wanted.keys() & held.keys() if wanted[each] != held[each]}
    if moved:
        session.execute(_MOVE_EXPIRY, {"rows": _rows(moved)})
    return len(gone)


def note_removals(
    session: Session, holdings: Iterable[Holding], *, why: Why, now: datetime, actor: str = "", lost: Mapping[Holding, Sequence[Evidence]]
) -> None:
    """Write removals to the audit that no row of `customer_tag` stood for."""
    notes = [_note(each, why, now=now, actor=actor, evidence=lost.get(each, ())) for each in sorted(holdings)]
    if notes:
        session.execute(_NOTE, {"rows": orjson.dumps(notes).decode()})


def removal_bars(session: Session, customer_ids: Collection[int], *, book: RuleBook) -> dict[tuple[int, str, int], datetime]:
    """Until when removals by hand bar evidence: by customer and rival (see `RuleBook.rival`)."""
    bars: dict[tuple[int, str, int], datetime] = {}
    for customer_id, tag_id, at in session.execute(_BARS, {"ids": sorted(customer_ids)}):
        key = (customer_id, *book.rival(tag_id))
        bars[key] = max(at, bars.get(key, at))
    return bars


def _evidence_of(session: Session, customer_ids: Collection[int], tag_ids: Sequence[int]) -> list[Evidence]:
    query = select(TagEvidence.__table__).where(among(TagEvidence.customer_id, customer_ids), among(TagEvidence.tag_id, tag_ids))
    return [as_evidence(row) for row in session.execute(query).mappings()]


def _wanted(evidence: Iterable[Evidence], *, book: RuleBook, rank: Mapping[str, int]) -> dict[Holding, datetime | None]:
    """Which tags the evidence justifies: of an exclusive group the newest, in a tie the one whose source comes first."""
    by_rival: dict[tuple[int, str, int], list[Evidence]] = defaultdict(list)
    for piece in evidence:
        by_rival[(piece.customer_id, *book.rival(piece.tag_id))].append(piece)
    wanted: dict[Holding, datetime | None] = {}
    for pieces in by_rival.values():
        newest = min(pieces, key=lambda piece: _precedence(piece, rank))
        ends = [piece.expires_at for piece in pieces if piece.tag_id == newest.tag_id]
        wanted[newest.tag_id, newest.customer_id] = None if None in ends else max(end for end in ends if end is not None)
    return wanted


def _precedence(piece: Evidence, rank: Mapping[str, int]) -> tuple[float, int, str, int]:
    # Channels come after every rule, in the order of their ids by length and then by digits.
    after = rank.get(piece.source, len(rank) + len(piece.source))
    return -piece.last_at.timestamp(), after, piece.source, piece.tag_id


def _rows(holdings: Mapping[Holding, datetime | None]) -> str:
    rows: list[dict[str, Any]] = [
        {"tag_id": tag_id, "customer_id": customer_id, "expires_at": holdings[tag_id, customer_id]}
        for tag_id, customer_id in sorted(holdings)
    ]
    return orjson.dumps(rows).decode()


def _note(holding: Holding, why: Why, *, now: datetime, actor: str, evidence: Iterable[Evidence]) -> dict[str, Any]:
    tag_id, customer_id = holding
    return {
        "tag_id": tag_id,
        "customer_id": customer_id,
        "why": why,
        "at": now,
        "actor": actor,
        "evidence": [told(piece) for piece in sorted(evidence, key=lambda piece: piece.place)],
    }
