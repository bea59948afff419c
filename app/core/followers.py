"""Who spoke: openids become followers and customers, two events at once never make two of one person."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import String, select, text
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from app.core.bulk import as_json, columns_of, rows_of, table_of
from app.core.ids import new_public_id
from app.core.inbound import openid_digest
from app.core.nouns import Customer, Follower

FOLLOWING, GONE, UNKNOWN = "following", "gone", "unknown"


@dataclass(frozen=True, slots=True)
class Sighting:
    """Somebody was seen on an account."""

    account_id: int
    appid: str
    openid: str

    @property
    def digest(self) -> str:
        return openid_digest(self.appid, self.openid)


# Only openids that are not known yet draw a customer id; the unique key decides between two processes that saw the same person first.
_MEET = text(
    """
    WITH seen AS (
        SELECT DISTINCT ON (account_id, digest) account_id, digest, openid, public_id
        FROM jsonb_to_recordset(CAST(:seen AS jsonb)) AS s(account_id bigint, digest text, openid text, public_id uuid)
        WHERE NOT EXISTS (SELECT 1 FROM follower f WHERE f.account_id = s.account_id AND f.openid_digest = s.digest)
        ORDER BY account_id, digest
    ), met AS (
        INSERT INTO follower (account_id, customer_id, openid, openid_digest, state, created_at)
        SELECT account_id, nextval(pg_get_serial_sequence('customer', 'id')), openid, digest, 'unknown', :now
        FROM seen ORDER BY account_id, digest
        ON CONFLICT (account_id, openid_digest) DO NOTHING
        RETURNING account_id, openid_digest, customer_id
    )
    INSERT INTO customer (id, public_id, created_at)
    SELECT met.customer_id, seen.public_id, :now
    FROM met JOIN seen ON seen.account_id = met.account_id AND seen.digest = met.openid_digest
    """
)

_SEEN = rows_of({**columns_of(table_of(Follower), "account_id"), "digest": String()}, "seen")
_FIND = (
    select(Follower)
    .join(_SEEN, (Follower.account_id == _SEEN.c.account_id) & (Follower.openid_digest == _SEEN.c.digest))
    .order_by(Follower.id)
    .with_for_update(key_share=True, of=Follower)
    .execution_options(populate_existing=True)
)


def meet(session: Session, sightings: Collection[Sighting], *, now: datetime) -> dict[tuple[int, str], Follower]:
    """The followers behind openids, made where they are new, each locked in id order; keyed by (account id, openid digest).

    A new follower gets a customer of his own: only consent joins two (`app.core.consents`).
    """
    if not sightings:
        return {}
    rows = [
        {"account_id": seen.account_id, "digest": seen.digest, "openid": seen.openid, "public_id": str(new_public_id())}
        for seen in set(sightings)
    ]
    session.execute(_MEET, {"seen": orjson.dumps(rows).decode(), "now": now})
    found = session.scalars(_FIND, {"seen": as_json(rows)})
    return {(follower.account_id, follower.openid_digest): follower for follower in found}


_MOVED = ("state", "state_at", "subscribed_at", "last_interaction_at")
_SAVE = text(
    """
    UPDATE follower SET state = row.state, state_at = row.state_at, subscribed_at = row.subscribed_at,
        last_interaction_at = row.last_interaction_at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS row(
        id bigint, state text, state_at timestamptz, subscribed_at timestamptz, last_interaction_at timestamptz)
    WHERE follower.id = row.id
    """
)


def save_moves(session: Session, followers: Collection[Follower]) -> None:
    """Write what events changed about followers (state and times) in one statement; the session's own flush would write row by row.

    They are locked by the caller.
    """
    moved = [follower for follower in followers if session.is_modified(follower)]
    if not moved:
        return
    rows = [{"id": follower.id, **{name: getattr(follower, name) for name in _MOVED}} for follower in moved]
    with session.no_autoflush:
        session.execute(_SAVE, {"rows": as_json(rows)})
    for follower in moved:
        for name in _MOVED:
            set_committed_value(follower, name, getattr(follower, name))


def lock_followers(session: Session, follower_ids: Collection[int]) -> dict[int, Follower]:
    """Followers by id, locked in id order."""
    query = (
        select(Follower)
        .where(Follower.id.in_(sorted(follower_ids)))
        .order_by(Follower.id)
        .with_for_update(key_share=True, of=Follower)
        .execution_options(populate_existing=True)
    )
    return {follower.id: follower for follower in session.scalars(query)} if follower_ids else {}


def find_follower(session: Session, *, account_id: int, appid: str, openid: str) -> Follower | None:
    """A follower by his openid, or None when nobody of that openid was seen."""
    digest = openid_digest(appid, openid)
    return session.scalar(select(Follower).where(Follower.account_id == account_id, Follower.openid_digest == digest))


def welcome_back(session: Session, follower: Follower, openid: str) -> None:
    """Somebody who was erased speaks again: he can be reached again, as a customer without a past."""
    if follower.openid is None:
        follower.openid = openid
        customer = session.get(Customer, follower.customer_id)
        if customer is not None:
            customer.erased_at = None
