"""What it meant: facts, the projections that run with them and the reactions written beside them."""

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, func, insert, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.bulk import as_json, columns_of, rows_of, table_of
from app.core.db import Base, Moment, row_id
from app.core.registry import Registry
from app.core.unit import after_commit


class FactRow(Base):
    """A fact as it is kept. Erasure blanks `data` and the links and keeps key, kind and time."""

    __tablename__ = "fact"
    __table_args__ = (
        Index("ix_fact_customer_kind_occurred", "customer_id", "kind", "occurred_at"),
        Index("ix_fact_account_kind_occurred", "account_id", "kind", "occurred_at"),
        Index("ix_fact_follower", "follower_id"),
    )

    id: Mapped[int] = row_id()
    key: Mapped[str] = mapped_column(String(160), unique=True)
    kind: Mapped[str] = mapped_column(String(48))
    customer_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("customer.id"))
    follower_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("follower.id"))
    account_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("account.id"))
    occurred_at: Mapped[datetime] = mapped_column(Moment)
    recorded_at: Mapped[datetime] = mapped_column(Moment)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)


class ReactionState(enum.StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    """Marked before a call that cannot be repeated; found in this state after a crash, it is never tried again."""
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class ReactionRow(Base):
    """An effect as a row before it is an action."""

    __tablename__ = "reaction"
    __table_args__ = (
        Index("ix_reaction_due", "run_after", postgresql_where="state IN ('pending', 'sending')"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    fact_key: Mapped[str] = mapped_column(ForeignKey("fact.key"), primary_key=True)
    name: Mapped[str] = mapped_column(String(48), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), default=ReactionState.PENDING)
    run_after: Mapped[datetime] = mapped_column(Moment)
    deadline_at: Mapped[datetime | None] = mapped_column(Moment)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    lease_until: Mapped[datetime | None] = mapped_column(Moment)
    done_at: Mapped[datetime | None] = mapped_column(Moment)
    last_error: Mapped[str | None] = mapped_column(String(200))


@dataclass(frozen=True, slots=True)
class FactDraft:
    """What a handler concluded from one inbound; `number` tells two drafts of one kind apart."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, slots=True)
class Fact:
    """A frozen fact. `kind` is past tense and dotted; `key` is unique for good."""

    key: str
    kind: str
    occurred_at: datetime
    data: Mapping[str, Any]
    customer_id: int | None = None
    follower_id: int | None = None
    account_id: int | None = None
    id: int = 0
    withheld: bool = False
    """Older than the person's erasure: only key, kind and time are kept; projections that count without naming anybody still see `data`."""


def fact_key(inbound_key: str, draft: FactDraft) -> str:
    return f"{inbound_key}:{draft.kind}:{draft.number}"


_FACT_COLUMNS = ("key", "kind", "customer_id", "follower_id", "account_id", "occurred_at", "recorded_at", "data")
_FACTS = table_of(FactRow)
_FACT_TYPES = columns_of(_FACTS, *_FACT_COLUMNS)
_FACT_ROWS = rows_of(_FACT_TYPES, "facts")
_INSERT_FACTS = (
    pg_insert(_FACTS)
    .from_select(list(_FACT_COLUMNS), select(*(_FACT_ROWS.c[name] for name in _FACT_COLUMNS)).order_by(_FACT_ROWS.c.key))
    .on_conflict_do_nothing(index_elements=["key"])
    .returning(_FACTS.c.key, _FACTS.c.id)
)

_LOCK_CUSTOMERS = text("SELECT id FROM customer WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")


def record(session: Session, facts: Sequence[Fact], *, registry: Registry, now: datetime) -> list[Fact]:
    """Write facts that are not yet known, run the projections over them and write their reactions, all in this transaction.

    Returns the facts that were new, in the order given, each with its row id. A fact whose key is known is left out: it changes nothing.
    """
    if not facts:
        return []
    rows = [
        {
            "key": fact.key,
            "kind": fact.kind,
            "customer_id": fact.customer_id,
            "follower_id": fact.follower_id,
            "account_id": fact.account_id,
            "occurred_at": fact.occurred_at,
            "recorded_at": now,
            "data": {} if fact.withheld else dict(fact.data),
        }
        for fact in facts
    ]
    lock_customers(session, {fact.customer_id for fact in facts if fact.customer_id is not None})
    ids: dict[str, int] = {row.key: row.id for row in session.execute(_INSERT_FACTS, {"facts": as_json(rows)})}
    fresh, seen = [], set()
    for fact in facts:
        if fact.key in ids and fact.key not in seen:
            seen.add(fact.key)
            fresh.append(replace(fact, id=ids[fact.key]))
    _schedule_reactions(session, fresh, registry=registry, now=now)
    for projection in registry.projections:
        heard = [fact for fact in fresh if fact.kind in projection.listens]
        if heard:
            projection.act(session, heard, now=now)
    return fresh


def lock_customers(session: Session, customer_ids: Collection[int]) -> None:
    """Lock customers in the house's order, before anything of theirs is written.

    The lock does not clash with the key locks that foreign keys take, so two batches can only wait for each other here, in id order.
    """
    if customer_ids:
        session.execute(_LOCK_CUSTOMERS, {"ids": sorted(customer_ids)})


def _schedule_reactions(session: Session, facts: Sequence[Fact], *, registry: Registry, now: datetime) -> None:
    rows = []
    for fact in facts:
        for reaction in registry.reactions_to(fact.kind):
            if reaction.wants(fact):
                life = reaction.deadline_s
                rows.append(
                    {
                        "fact_key": fact.key,
                        "name": reaction.name,
                        "state": ReactionState.PENDING,
                        "run_after": now,
                        # The platform's windows run from what the person did, not from when we heard of it.
                        "deadline_at": None if life is None else fact.occurred_at + timedelta(seconds=life),
                        "attempts": 0,
                    }
                )
    if rows:
        session.execute(insert(ReactionRow), rows)
        wake = registry.wake_reactions
        if wake is not None:
            after_commit(session, wake)


def count_kinds(session: Session, *, account_id: int | None = None) -> dict[str, int]:
    """How many facts of each kind are on record, over all accounts or one."""
    query = select(FactRow.kind, func.count()).group_by(FactRow.kind).order_by(FactRow.kind)
    if account_id is not None:
        query = query.where(FactRow.account_id == account_id)
    return {row[0]: row[1] for row in session.execute(query)}
