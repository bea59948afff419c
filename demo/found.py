"""What stands in the database, read with SQL alone: the definitions that rule the day, and what became of it."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

# Facts of the house's own making and of the tills: the platform knows nothing of them.
OWN = (
    "follower.checked",
    "follower.disputed",
    "follower.erased",
    "customer.joined",
    "customer.split",
    "card.opened",
    "privacy.accepted",
    "tier.upgraded",
    "tier.downgraded",
    "order.placed",
    "order.returned",
    "coupon.claimed",
    "coupon.redeemed",
    "coupon.reversed",
)


@dataclass(frozen=True, slots=True)
class Account:
    id: int
    appid: str
    name: str
    kind: str
    erases: bool
    priority: int


@dataclass(frozen=True, slots=True)
class ReplyRule:
    id: int
    account_id: int | None
    trigger: str
    match: str
    pattern: str
    records: str | None
    version: str | None
    priority: int


@dataclass(frozen=True, slots=True)
class TagRule:
    id: int
    kind: str
    params: dict[str, Any]
    tag: str
    account_id: int | None
    position: int
    expires_after_s: int | None


@dataclass(frozen=True, slots=True)
class Channel:
    id: int
    public_id: str
    account_id: int
    name: str
    scene: str
    created_at: float
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Definitions:
    """What was set up: the same input the house works from."""

    accounts: dict[str, Account]
    reply_rules: list[ReplyRule]
    tag_rules: list[TagRule]
    exclusive: dict[str, str]
    """Exclusive group by tag name."""
    tag_names: dict[str, str]
    """Tag name by name and by public id."""
    channels: list[Channel]


@dataclass(frozen=True, slots=True)
class FoundFact:
    appid: str
    who: str | None
    """Openid digest; None when the links were blanked."""
    kind: str
    second: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One broadcast: its segment as JSON, the template of each account, when its recipients were fixed."""

    id: int
    segment: dict[str, Any]
    templates: dict[str, str]
    frozen_at: float | None


@dataclass(slots=True)
class Found:
    """What the house made of the day."""

    inbound: int = 0
    facts: list[FoundFact] = field(default_factory=list)
    followers: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    """(appid, state, customer) by openid digest."""
    tags: dict[int, set[str]] = field(default_factory=dict)
    """Tag names by customer."""
    channels: dict[int, tuple[int, int]] = field(default_factory=dict)
    """(scans, follows) by channel."""
    broadcast: Broadcast | None = None
    members: dict[int, int] = field(default_factory=dict)
    """How many delivery rows each customer has in the first wave."""
    deliveries: dict[str, list[str]] = field(default_factory=dict)
    """States by msgid."""
    unsent: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the house has come: when nothing is waiting it has made up its mind."""

    inbound: int
    reactions: int
    deliveries: int
    receipts: int

    @property
    def waiting(self) -> int:
        return self.reactions + self.deliveries + self.receipts


def digest(appid: str, openid: str) -> str:
    """The pseudonym under which a follower is kept, as the schema documents it."""
    return hashlib.sha256(f"{appid}:{openid}".encode()).hexdigest()


def connect(url: str) -> "psycopg.Connection[Any]":
    """A connection for reading; the address may name a driver as SQLAlchemy writes it."""
    scheme, _, rest = url.partition("://")
    return psycopg.connect(f"{scheme.partition('+')[0]}://{rest}", autocommit=True, row_factory=namedtuple_row, connect_timeout=10)


def read_progress(connection: "psycopg.Connection[Any]") -> Progress:
    """How much is still on its way inside the house."""
    row = connection.execute(
        """
        SELECT (SELECT count(*) FROM inbound) AS inbound,
            (SELECT count(*) FROM reaction WHERE state IN ('pending', 'sending')) AS reactions,
            (SELECT count(*) FROM delivery WHERE state IN ('pending', 'sending', 'unknown')) AS deliveries,
            (SELECT count(*) FROM delivery WHERE state = 'sent') AS receipts
        """
    ).fetchone()
    assert row is not None
    return Progress(row.inbound, row.reactions, row.deliveries, row.receipts)


def read_definitions(connection: "psycopg.Connection[Any]") -> Definitions:
    """Accounts, rules, tags and channels."""
    accounts = connection.execute("SELECT id, appid, name, kind, retention = 'erase' AS erases, priority FROM account")
    replies = connection.execute(
        "SELECT id, account_id, trigger, match, pattern, records, consent_version, priority FROM reply_rule WHERE enabled"
    )
    rules = connection.execute(
        "SELECT r.id, r.kind, r.params, t.name AS tag, r.account_id, r.position, r.expires_after_s "
        "FROM tag_rule r JOIN tag t ON t.id = r.tag_id WHERE r.enabled ORDER BY r.position, r.id"
    )
    tags = connection.execute(
        "SELECT t.name, t.public_id::text AS public_id, g.name AS rivals FROM tag t LEFT JOIN tag_group g ON g.id = t.group_id AND g.exclusive"
    ).fetchall()
    channels = connection.execute(
        "SELECT c.id, c.public_id::text AS public_id, c.account_id, c.name, c.scene, extract(epoch FROM c.created_at)::float8 AS created_at, "
        "ARRAY(SELECT t.name FROM channel_tag x JOIN tag t ON t.id = x.tag_id WHERE x.channel_id = c.id ORDER BY t.id) AS tags FROM channel c"
    )
    return Definitions(
        accounts={row.appid: Account(*row) for row in accounts},
        reply_rules=[ReplyRule(*row) for row in replies],
        tag_rules=[TagRule(*row) for row in rules],
        exclusive={row.name: row.rivals for row in tags if row.rivals is not None},
        tag_names={key: row.name for row in tags for key in (row.name, row.public_id)},
        channels=[Channel(row.id, row.public_id, row.account_id, row.name, row.scene, row.created_at, tuple(row.tags)) for row in channels],
    )


def read_found(connection: "psycopg.Connection[Any]") -> Found:
    """Everything that can be compared."""
    found = Found()
    found.inbound = _one(connection, "SELECT count(*) FROM inbound")
    found.dead = _one(connection, "SELECT count(*) FROM dead_letter WHERE replayed_at IS NULL")
    facts = connection.execute(
        """
        SELECT a.appid, f.openid_digest, t.kind, extract(epoch FROM t.occurred_at)::bigint AS second, t.data
        FROM fact t LEFT JOIN account a ON a.id = t.account_id LEFT JOIN follower f ON f.id = t.follower_id
        WHERE t.kind <> ALL(%s)
        """,
        [list(OWN)],
    )
    found.facts = [FoundFact(*row) for row in facts]
    followers = connection.execute(
        "SELECT f.openid_digest, a.appid, f.state, f.customer_id FROM follower f JOIN account a ON a.id = f.account_id"
    )
    found.followers = {row[0]: tuple(row[1:]) for row in followers}
    tags: dict[int, set[str]] = defaultdict(set)
    for row in connection.execute(
        "SELECT c.customer_id, t.name FROM customer_tag c JOIN tag t ON t.id = c.tag_id WHERE c.expires_at IS NULL OR c.expires_at > now()"
    ):
        tags[row.customer_id].add(row.name)
    found.tags = dict(tags)
    counts = connection.execute(
        "SELECT channel_id, sum(scans)::int AS scans, sum(follows)::int AS follows FROM channel_day GROUP BY channel_id"
    )
    found.channels = {row[0]: (row[1], row[2]) for row in counts}
    _read_broadcast(connection, found)
    return found


def _read_broadcast(connection: "psycopg.Connection[Any]", found: Found) -> None:
    row = connection.execute("SELECT id, segment, frozen_at FROM broadcast ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        return
    frozen_at: datetime | None = row.frozen_at
    parts = connection.execute(
        "SELECT a.appid, p.template_id FROM broadcast_account p JOIN account a ON a.id = p.account_id WHERE p.broadcast_id = %s", [row.id]
    )
    found.broadcast = Broadcast(
        row.id, row.segment, {part[0]: part[1] for part in parts}, None if frozen_at is None else frozen_at.timestamp()
    )
    members = connection.execute(
        "SELECT customer_id, count(*) FROM delivery WHERE broadcast_id = %s AND wave = 1 AND customer_id IS NOT NULL GROUP BY 1", [row.id]
    )
    found.members = {member[0]: member[1] for member in members}
    deliveries: dict[str, list[str]] = defaultdict(list)
    for msgid, state in connection.execute("SELECT msgid, state FROM delivery WHERE broadcast_id = %s AND msgid IS NOT NULL", [row.id]):
        deliveries[msgid].append(state)
    found.deliveries = dict(deliveries)
    found.unsent = _one(
        connection,
        "SELECT count(*) FROM delivery WHERE msgid IS NULL AND state NOT IN ('left_out', 'failed') AND broadcast_id = %s",
        row.id,
    )


def _one(connection: "psycopg.Connection[Any]", query: str, *values: object) -> int:
    row = connection.execute(query, list(values)).fetchone()
    assert row is not None
    return int(row[0])
