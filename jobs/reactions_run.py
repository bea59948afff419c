"""Runs the rows that facts left behind: claimed with SKIP LOCKED, each in a transaction of its own, expired past their deadline."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, tuple_, update

from app.core.errors import FankaError
from app.core.facts import Fact, FactRow, ReactionRow, ReactionState
from app.core.house import House, current
from app.core.log import get_logger
from app.core.registry import Reaction
from app.core.unit import work

log = get_logger(__name__)
LEASE = timedelta(seconds=60)
CLAIM = 200
MOST_ATTEMPTS = 10
RUN_FOR_S = 20.0


def run_due() -> None:
    """RQ job: run reactions until none is due or 20 s have passed; what is left is found by the sweep."""
    house = current()
    house.queues.claimed("jobs.reactions_run.run_due")
    run_reactions(house)


def run_reactions(house: House, *, run_for_s: float = RUN_FOR_S) -> int:
    """Claim and run due reactions; says how many were tried."""
    started, tried = house.clock.now(), 0
    while house.clock.now() - started < timedelta(seconds=run_for_s):
        claimed = claim(house)
        if not claimed:
            break
        tried += len(claimed)
        for reaction, facts in _by_reaction(house, claimed):
            for start in range(0, len(facts), max(reaction.batch, 1)):
                _run(house, reaction, facts[start : start + max(reaction.batch, 1)])
    return tried


def sweep_reactions(house: House) -> bool:
    """Wake the runner when a row is due that no wake-up was heard for; says whether it did."""
    with work(house.engine) as session:
        due = session.scalar(select(ReactionRow.fact_key).where(_is_due(house.clock.now())).limit(1))
    return due is not None and house.queues.wake("urgent", "jobs.reactions_run.run_due", within_s=5)


def claim(house: House) -> list[tuple[str, Fact]]:
    """Take due rows under a lease, in a transaction that ends before the first effect. Returns (reaction name, fact)."""
    now = house.clock.now()
    with work(house.engine) as session:
        query = (
            select(ReactionRow)
            .where(_is_due(now))
            .order_by(ReactionRow.run_after, ReactionRow.fact_key, ReactionRow.name)
            .limit(CLAIM)
            .with_for_update(skip_locked=True)
        )
        rows = session.scalars(query).all()
        taken = [row for row in rows if _take(house, row, now=now)]
        session.flush()
        facts = {
            row.key: Fact(row.key, row.kind, row.occurred_at, row.data, row.customer_id, row.follower_id, row.account_id, row.id)
            for row in session.scalars(select(FactRow).where(FactRow.key.in_([row.fact_key for row in taken])))
        }
        return [(row.name, facts[row.fact_key]) for row in taken]


def _is_due(now: datetime) -> ColumnElement[bool]:
    pending = and_(ReactionRow.state == ReactionState.PENDING, ReactionRow.run_after <= now)
    abandoned = and_(ReactionRow.state == ReactionState.SENDING, ReactionRow.lease_until <= now)
    return or_(pending, abandoned)


def _take(house: House, row: ReactionRow, *, now: datetime) -> bool:
    """Decide what becomes of one due row; says whether it is to be run."""
    reaction = house.registry.reaction(row.name)
    if reaction is None:
        row.state, row.last_error, row.done_at = ReactionState.FAILED, "no such reaction", now
    elif row.state == ReactionState.SENDING and not reaction.repeatable:
        # The process died between mark and answer. Nobody knows whether the call was made, so it is never made again.
        row.state, row.done_at = ReactionState.UNKNOWN, now
    elif row.deadline_at is not None and row.deadline_at <= now:
        row.state, row.done_at = ReactionState.EXPIRED, now
    else:
        row.state, row.lease_until, row.attempts = ReactionState.SENDING, now + LEASE, row.attempts + 1
        return True
    return False


def _by_reaction(house: House, claimed: Sequence[tuple[str, Fact]]) -> list[tuple[Reaction, list[Fact]]]:
    groups: dict[str, list[Fact]] = {}
    for name, fact in claimed:
        groups.setdefault(name, []).append(fact)
    found = ((house.registry.reaction(name), facts) for name, facts in groups.items())
    return [(reaction, facts) for reaction, facts in found if reaction is not None]


def _run(house: House, reaction: Reaction, facts: Sequence[Fact]) -> None:
    keys = [fact.key for fact in facts]
    try:
        reaction.act(house, facts)
    except FankaError as error:
        if error.status < 500:
            _settle(house, reaction, keys, state=ReactionState.FAILED, error=error.code)
            return
        _put_back(house, reaction, keys, error=error.code)
    except Exception as error:  # noqa: BLE001 - one reaction's fault must not stop the others.
        _put_back(house, reaction, keys, error=type(error).__name__)
    else:
        _settle(house, reaction, keys, state=ReactionState.DONE)


def _rows(reaction: Reaction, keys: Sequence[str]) -> ColumnElement[bool]:
    pairs = [(key, reaction.name) for key in keys]
    return and_(tuple_(ReactionRow.fact_key, ReactionRow.name).in_(pairs), ReactionRow.state == ReactionState.SENDING)


def _settle(house: House, reaction: Reaction, keys: Sequence[str], *, state: ReactionState, error: str | None = None) -> None:
    now = house.clock.now()
    with work(house.engine) as session:
        values = {"state": state, "done_at": now, "lease_until": None, "last_error": error}
        session.execute(update(ReactionRow).where(_rows(reaction, keys)).values(values))


def _put_back(house: House, reaction: Reaction, keys: Sequence[str], *, error: str) -> None:
    """Wait longer each time; give up after ten tries, or at once when a repeat is not allowed."""
    log.warning("reaction_failed", reaction=reaction.name, error=error, facts=len(keys))
    now = house.clock.now()
    with work(house.engine) as session:
        for row in session.scalars(select(ReactionRow).where(_rows(reaction, keys)).with_for_update()):
            row.lease_until, row.last_error = None, error[:200]
            if not reaction.repeatable:
                row.state, row.done_at = ReactionState.UNKNOWN, now
            elif row.attempts >= MOST_ATTEMPTS:
                row.state, row.done_at = ReactionState.FAILED, now
            else:
                row.state, row.run_after = ReactionState.PENDING, now + timedelta(seconds=min(2**row.attempts, 600))
