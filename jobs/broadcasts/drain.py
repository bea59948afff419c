"""Draining: one job sends what is due of one account of one broadcast, and stops by itself after 20 seconds."""

import time

from app.core.house import House, current
from app.core.log import get_logger
from app.core.unit import reading, work
from app.wechat.sender import Sender, sender_for
from jobs.broadcasts.carrier import carrier_called
from jobs.broadcasts.client_ids import client_ids
from jobs.broadcasts.doors import DRAIN
from jobs.broadcasts.due import has_due_rows
from jobs.broadcasts.lanes import leave_lane, take_lane
from jobs.broadcasts.pacing import Pace
from jobs.broadcasts.pump import Held, Report, pump
from jobs.models import Broadcast, BroadcastAccount

log = get_logger(__name__)

RUN_S = 20.0
"""A drain ends by itself after this long and leaves the rest to the next, so that no job comes near its timeout."""


def drain(broadcast_id: int, account_id: int) -> None:
    """RQ job: drain one account of one broadcast, and leave the next job behind when rows are still due."""
    house = current()
    house.queues.claimed(DRAIN, broadcast_id, account_id)
    report = drain_account(house, broadcast_id, account_id, sender=sender_for(house))
    log.info("drained", broadcast=broadcast_id, account=account_id, ended=report.ended, claimed=report.claimed, states=report.states)
    if report.ended in {"done", "budget"}:
        with reading(house.engine) as session:
            more = has_due_rows(session, broadcast_id, account_id, now=house.clock.now())
        if more:
            house.queues.wake("send", DRAIN, broadcast_id, account_id, within_s=30)


def drain_account(house: House, broadcast_id: int, account_id: int, *, sender: Sender, run_s: float = RUN_S) -> Report:
    """Send what is due of one account until nothing is, the time is up, or somebody stopped the broadcast.

    Whatever `sender` raises is raised again once the lane has been given back; its rows are left to their lease, like those of a killed process.
    """
    held = _begin(house, broadcast_id, account_id, run_s=run_s)
    if held is None:
        return Report(ended="no_lane")
    try:
        pump(held, sender)
    finally:
        with work(house.engine) as session:
            leave_lane(session, held.run, now=house.clock.now())
    return held.report


def _begin(house: House, broadcast_id: int, account_id: int, *, run_s: float) -> Held | None:
    account = house.accounts.by_id(account_id)
    with work(house.engine) as session:
        broadcast = session.get(Broadcast, broadcast_id)
        part = session.get(BroadcastAccount, (broadcast_id, account_id))
        if broadcast is None or part is None or account is None:
            return None
        run = take_lane(session, broadcast_id, account_id, lanes=broadcast.lanes, now=house.clock.now())
    if run is None:
        return None
    return Held(
        house=house,
        run=run,
        broadcast=broadcast,
        account=account,
        message=part.message,
        carrier=carrier_called(broadcast.carrier),
        pace=Pace(house.redis, house.settings.redis_prefix),
        until=time.monotonic() + run_s,
        client_id=client_ids(broadcast.public_id),
    )
