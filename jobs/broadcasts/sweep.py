"""The sweep: finds what nobody was woken for. It may run twice, late or beside another and changes nothing the second time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.house import House, current
from app.core.log import get_logger
from app.core.unit import reading, work
from jobs.broadcasts.by_index import by_index
from jobs.broadcasts.doors import DRAIN, START
from jobs.broadcasts.due import due_accounts
from jobs.broadcasts.leases import expire_leases, give_up_unknown
from jobs.broadcasts.orders import clear_cancelled
from jobs.broadcasts.pacing import Pace
from jobs.broadcasts.quiet import quiet_until
from jobs.broadcasts.receipts import join_parked
from jobs.models import Broadcast

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep found: rows whose lease ran out, rows given up, receipts joined, broadcasts started, drains enqueued."""

    expired: int
    undecided: int
    joined: int
    cleared: int
    starts: int
    drains: int


def sweep_broadcasts() -> None:
    """Cron job: see `sweep_house`."""
    sweep_house(current())


def sweep_house(house: House) -> Swept:
    """Start what is due, enqueue a drain for each (broadcast, account) with due rows and a free lane, end leases, join parked receipts."""
    now = house.clock.now()
    # One transaction each: none of them may keep another from being done.
    expired = _alone(house, lambda session: expire_leases(session, now=now))
    undecided = _alone(house, lambda session: give_up_unknown(session, now=now))
    joined = _alone(house, lambda session: join_parked(session, now=now))
    cleared = _alone(house, lambda session: clear_cancelled(session, now=now))
    with reading(house.engine) as session:
        starting = _to_start(session, now=now)
        idle = due_accounts(session, now=now)
    starts = sum(house.queues.wake("send", START, broadcast_id, within_s=30) for broadcast_id in starting)
    drains = 0
    parked = Pace(house.redis, house.settings.redis_prefix).parked({due.account_id for due in idle})
    for due in idle:
        quiet = quiet_until(now, from_min=due.quiet_from_min, to_min=due.quiet_to_min)
        if due.free_lanes > 0 and due.account_id not in parked and quiet is None:
            # One at a time: where more lanes are free, the next sweep wakes the next drain.
            drains += house.queues.wake("send", DRAIN, due.broadcast_id, due.account_id, within_s=30)
    swept = Swept(expired, undecided, joined, cleared, starts, drains)
    if any((expired, undecided, starts, drains)):
        log.info("broadcasts_swept", expired=expired, undecided=undecided, joined=joined, starts=starts, drains=drains)
    return swept


def _alone(house: House, step: Callable[[Session], int]) -> int:
    with work(house.engine) as session:
        by_index(session)
        return step(session)


def _to_start(session: Session, *, now: datetime) -> list[int]:
    """Broadcasts whose time has come; the freeze itself decides about quiet hours and lateness."""
    query = select(Broadcast.id).where(
        Broadcast.frozen_wave < Broadcast.wave,
        Broadcast.cancelled_at.is_(None),
        Broadcast.paused_at.is_(None),
        Broadcast.refused_at.is_(None),
        Broadcast.scheduled_at <= now,
    )
    return list(session.scalars(query.order_by(Broadcast.scheduled_at, Broadcast.id)))
