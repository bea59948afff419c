"""Evidence for tags: what one source knows about one customer, merged so that order and batching do not matter."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

HAND = "hand"
NOBODY = 0
"""The follower id of evidence that did not come through an account."""


class Place(NamedTuple):
    """The key of evidence; sorts as the rows are written."""

    customer_id: int
    tag_id: int
    source: str
    follower_id: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """One row of `tag_evidence`. `weight` is as of `last_at`."""

    customer_id: int
    tag_id: int
    source: str
    follower_id: int
    first_key: str
    first_at: datetime
    last_key: str
    last_at: datetime
    weight: float
    half_life_s: int | None = None
    expires_at: datetime | None = None
    hits: int = 1

    @property
    def place(self) -> Place:
        return Place(self.customer_id, self.tag_id, self.source, self.follower_id)


_FIELDS = tuple(Evidence.__dataclass_fields__)


def faded(weight: float, *, half_life_s: int | None, seconds: float) -> float:
    """A weight after `seconds`. Past 60 half-lives nothing is left: less than a float can tell from zero beside a fresh weight."""
    if half_life_s is None or seconds <= 0:
        return weight
    halvings = seconds / half_life_s
    return 0.0 if halvings > 60 else weight * 2.0**-halvings


def merge(one: Evidence, other: Evidence) -> Evidence:
    """Two pieces at one place as one: earliest first, latest last, weights faded to the latest moment and added, the longer life."""
    first = min(one, other, key=lambda each: (each.first_at, each.first_key))
    last = max(one, other, key=lambda each: (each.last_at, each.last_key))
    weight = sum(
        faded(each.weight, half_life_s=each.half_life_s, seconds=(last.last_at - each.last_at).total_seconds()) for each in (one, other)
    )
    expires_at = None if one.expires_at is None or other.expires_at is None else max(one.expires_at, other.expires_at)
    return Evidence(
        *one.place,
        first.first_key,
        first.first_at,
        last.last_key,
        last.last_at,
        weight,
        other.half_life_s,
        expires_at,
        one.hits + other.hits,
    )


def gather(pieces: Iterable[Evidence]) -> list[Evidence]:
    """One piece per place, sorted by it."""
    held: dict[Place, Evidence] = {}
    for piece in pieces:
        known = held.get(piece.place)
        held[piece.place] = piece if known is None else merge(known, piece)
    return [held[place] for place in sorted(held)]


# The same merge as `merge`, done where the row lies.
_KEEP = text(
    """
    INSERT INTO tag_evidence AS held
        (customer_id, tag_id, source, follower_id, first_key, first_at, last_key, last_at, weight, half_life_s, expires_at, hits)
    SELECT customer_id, tag_id, source, follower_id, first_key, first_at, last_key, last_at, weight, half_life_s, expires_at, hits
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS piece(
        customer_id bigint, tag_id bigint, source text, follower_id bigint, first_key text, first_at timestamptz,
        last_key text, last_at timestamptz, weight float8, half_life_s integer, expires_at timestamptz, hits integer)
    ORDER BY customer_id, tag_id, source, follower_id
    ON CONFLICT (customer_id, tag_id, source, follower_id) DO UPDATE SET
        first_key = CASE WHEN (EXCLUDED.first_at, EXCLUDED.first_key) < (held.first_at, held.first_key)
            THEN EXCLUDED.first_key ELSE held.first_key END,
        first_at = LEAST(held.first_at, EXCLUDED.first_at),
        last_key = CASE WHEN (EXCLUDED.last_at, EXCLUDED.last_key) > (held.last_at, held.last_key)
            THEN EXCLUDED.last_key ELSE held.last_key END,
        last_at = GREATEST(held.last_at, EXCLUDED.last_at),
        weight = held.weight * CASE
                WHEN held.half_life_s IS NULL OR EXCLUDED.last_at <= held.last_at THEN 1
                WHEN EXTRACT(EPOCH FROM EXCLUDED.last_at - held.last_at) > 60.0 * held.half_life_s THEN 0
                ELSE power(2::float8, -EXTRACT(EPOCH FROM EXCLUDED.last_at - held.last_at)::float8 / held.half_life_s) END
            + EXCLUDED.weight * CASE
                WHEN EXCLUDED.half_life_s IS NULL OR held.last_at <= EXCLUDED.last_at THEN 1
                WHEN EXTRACT(EPOCH FROM held.last_at - EXCLUDED.last_at) > 60.0 * EXCLUDED.half_life_s THEN 0
                ELSE power(2::float8, -EXTRACT(EPOCH FROM held.last_at - EXCLUDED.last_at)::float8 / EXCLUDED.half_life_s) END,
        half_life_s = EXCLUDED.half_life_s,
        expires_at = CASE WHEN held.expires_at IS NULL OR EXCLUDED.expires_at IS NULL THEN NULL
            ELSE GREATEST(held.expires_at, EXCLUDED.expires_at) END,
        hits = held.hits + EXCLUDED.hits
    """
)


def keep(session: Session, pieces: Sequence[Evidence]) -> None:
    """Write gathered evidence in one statement, merged with what is there. Their customers are locked by the caller."""
    if pieces:
        session.execute(_KEEP, {"rows": rows_text(pieces)})


def rows_text(pieces: Sequence[Evidence]) -> str:
    """Evidence as the JSON array that travels to the database."""
    return orjson.dumps(list(pieces)).decode()


def as_evidence(row: RowMapping) -> Evidence:
    """A row of the table, as read."""
    return Evidence(**{name: row[name] for name in _FIELDS})


def told(piece: Evidence) -> dict[str, Any]:
    """Evidence as the audit keeps it: sources, fact keys and times, nothing personal."""
    return {
        "source": piece.source,
        "first_key": piece.first_key,
        "first_at": piece.first_at.isoformat(),
        "last_key": piece.last_key,
        "last_at": piece.last_at.isoformat(),
        "hits": piece.hits,
    }
