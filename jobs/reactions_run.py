"""Runs the rows that facts left behind: claimed with SKIP LOCKED, each in a transaction of its own, expired past their deadline."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, or_, select, tuple_, update

from app.core.errors import FankaError
from app.core.facts import Fact, FactRow, ReactionRow, ReactionState
from app.core.house import House, current
from app.core.log import get_logger
from app.core.registry import ForMany, Reaction
from app.core.unit import work
from app.wechat.errors import WeChatError

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


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that is ours while its lease lasts; `attempt` tells this claim from any other of the same row."""

    name: str
    attempt: int
    fact: Fact


def run_reactions(house: House, *, run_for_s: float = RUN_FOR_S) -> int:
    """Claim and run due reactions; says how many were tried. What has not begun when the time is up is given back."""
    until, tried = house.clock.now() + timedelta(seconds=run_for_s), 0
    while house.clock.now() < until:
        claimed = claim(house)
        if not claimed:
            break
        for reaction, rows in _by_reaction(house, claimed):
            calls = _calls(reaction, rows)
            for at, call in enumerate(calls):
                if house.clock.now() >= until:
                    # Slow calls before these: they would run under a lease that ends before they do.
                    _give_back(house, reaction, [row for rest in calls[at:] for row in rest])
                    break
                tried += len(call)
                _run(house, reaction, call)
    return tried


def sweep_reactions(house: House) -> bool:
    """Wake the runner when a row is due that no wake-up was heard for; says whether it did."""
    with work(house.engine) as session:
        due = session.scalar(select(ReactionRow.fact_key).where(_is_due(house.clock.now())).limit(1))
    return due is not None and house.queues.wake("urgent", "jobs.reactions_run.run_due", within_s=5)


def claim(house: House) -> list[Claimed]:
    """Take due rows under a lease, in a transaction that ends before the first effect.

    A repeatable one is `sending` from here on; one that is not stays `pending` until its own call is about to be made, so that a process
    that dies leaves in doubt what it had begun and nothing else.
    """
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
        return [Claimed(row.name, row.attempts, facts[row.fact_key]) for row in taken]


def _is_due(now: datetime) -> ColumnElement[bool]:
    free = or_(ReactionRow.lease_until.is_(None), ReactionRow.lease_until <= now)
    pending = and_(ReactionRow.state == ReactionState.PENDING, ReactionRow.run_after <= now, free)
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
        row.lease_until, row.attempts = now + LEASE, row.attempts + 1
        if reaction.repeatable:
            row.state = ReactionState.SENDING
        return True
    return False


def _by_reaction(house: House, claimed: Sequence[Claimed]) -> list[tuple[Reaction, list[Claimed]]]:
    """Rows by reaction; what may not be repeated goes first, because a lease that ran out behind slow ones would leave it in doubt."""
    groups: dict[str, list[Claimed]] = {}
    for row in claimed:
        groups.setdefault(row.name, []).append(row)
    found = [(reaction, rows) for name, rows in groups.items() if (reaction := house.registry.reaction(name)) is not None]
    return sorted(found, key=lambda each: each[0].repeatable)


def _calls(reaction: Reaction, rows: Sequence[Claimed]) -> list[Sequence[Claimed]]:
    """Rows as they are given to one `act` each: as many as it takes, and alike where it says so."""
    groups: dict[Hashable, list[Claimed]] = {}
    for row in rows:
        groups.setdefault(reaction.alike(row.fact) if isinstance(reaction, ForMany) else None, []).append(row)
    size = max(reaction.batch, 1)
    return [group[start : start + size] for group in groups.values() for start in range(0, len(group), size)]


def _run(house: House, reaction: Reaction, claimed: Sequence[Claimed]) -> None:
    rows = claimed if reaction.repeatable else _mark(house, reaction, claimed)
    if not rows:
        return
    try:
        reaction.act(house, [row.fact for row in rows])
    except FankaError as error:
        if error.status < 500:
            _settle(house, reaction, rows, state=ReactionState.FAILED, error=str(error.code))
            return
        # What WeChat certainly did not do may be tried again, also by those that must not be repeated.
        one_call = len(rows) == 1 or isinstance(reaction, ForMany)
        undone = isinstance(error, WeChatError) and error.outcome_known and one_call
        _put_back(house, reaction, rows, error=str(error.code), again=reaction.repeatable or undone)
    except Exception as error:  # noqa: BLE001 - one reaction's fault must not stop the others.
        _put_back(house, reaction, rows, error=type(error).__name__, again=reaction.repeatable)
    else:
        _settle(house, reaction, rows, state=ReactionState.DONE)


def _ours(reaction: Reaction, claimed: Sequence[Claimed], *states: ReactionState) -> ColumnElement[bool]:
    """Rows of this very claim: another runner that took one over counted one attempt more."""
    keys = [(row.fact.key, reaction.name, row.attempt) for row in claimed]
    mine = tuple_(ReactionRow.fact_key, ReactionRow.name, ReactionRow.attempts).in_(keys)
    return and_(mine, ReactionRow.state.in_(states))


def _mark(house: House, reaction: Reaction, claimed: Sequence[Claimed]) -> list[Claimed]:
    """Mark what cannot be repeated as `sending`, committed before its call; returns those that are still ours and in time."""
    now = house.clock.now()
    late = ReactionRow.deadline_at <= now
    values = {
        "state": case((late, ReactionState.EXPIRED.value), else_=ReactionState.SENDING.value),
        "done_at": case((late, now)),
        "lease_until": now + LEASE,
    }
    with work(house.engine) as session:
        mark = update(ReactionRow).where(_ours(reaction, claimed, ReactionState.PENDING)).values(values)
        rows = session.execute(mark.returning(ReactionRow.fact_key, ReactionRow.state)).all()
    marked = {row.fact_key for row in rows if row.state == ReactionState.SENDING}
    return [row for row in claimed if row.fact.key in marked]


def _give_back(house: House, reaction: Reaction, claimed: Sequence[Claimed]) -> None:
    """Give back what was claimed and not begun: the next run finds it due."""
    with work(house.engine) as session:
        values = {"state": ReactionState.PENDING, "lease_until": None, "attempts": ReactionRow.attempts - 1}
        session.execute(update(ReactionRow).where(_ours(reaction, claimed, ReactionState.PENDING, ReactionState.SENDING)).values(values))


def _settle(house: House, reaction: Reaction, claimed: Sequence[Claimed], *, state: ReactionState, error: str | None = None) -> None:
    now = house.clock.now()
    with work(house.engine) as session:
        values = {"state": state, "done_at": now, "lease_until": None, "last_error": error}
        session.execute(update(ReactionRow).where(_ours(reaction, claimed, ReactionState.SENDING)).values(values))


def _put_back(house: House, reaction: Reaction, claimed: Sequence[Claimed], *, error: str, again: bool) -> None:
    """Wait longer each time; give up after ten tries, or at once when it must not be made `again`."""
    log.warning("reaction_failed", reaction=reaction.name, error=error, facts=len(claimed))
    now = house.clock.now()
    with work(house.engine) as session:
        for row in session.scalars(select(ReactionRow).where(_ours(reaction, claimed, ReactionState.SENDING)).with_for_update()):
            row.lease_until, row.last_error = None, error[:200]
            if not again:
                row.state, row.done_at = ReactionState.UNKNOWN, now
            elif row.attempts >= MOST_ATTEMPTS:
                row.state, row.done_at = ReactionState.FAILED, now
            else:
                row.state, row.run_after = ReactionState.PENDING, now + timedelta(seconds=min(2**row.attempts, 600))
