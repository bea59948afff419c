"""Coupons by the clock and in bulk: a batch is issued in jobs of 20 seconds, the night expires what is over."""

from datetime import timedelta

from sqlalchemy import select

from app.core.house import House, current
from app.core.unit import reading
from cards.coupons.batches import run_chunk
from cards.coupons.holds import release_overdue
from cards.coupons.night import Night, tidy_coupons
from cards.models.coupons import CouponBatch

RUN_FOR = timedelta(seconds=20)
JOB = "jobs.coupons.issue_batch"


def issue_batch(batch_id: int) -> None:
    """RQ job: issue a batch for 20 seconds; the sweep wakes the next one while there is more."""
    house = current()
    house.queues.claimed(JOB, batch_id)
    started = house.clock.now()
    while house.clock.now() - started < RUN_FOR:
        if not run_chunk(house, batch_id):
            return
    house.queues.wake("default", JOB, batch_id)


def sweep_coupons(house: House) -> int:
    """Wake the job of every batch that is not done, and release what tills held too long; says how many batches run."""
    with reading(house.engine) as session:
        running = session.scalars(select(CouponBatch.id).where(CouponBatch.state == "running").order_by(CouponBatch.id).limit(100)).all()
    for batch_id in running:
        house.queues.wake("default", JOB, batch_id, within_s=30)
    release_overdue(house.engine, now=house.clock.now())
    return len(running)


def night(house: House) -> Night:
    """Expire coupons and tidy up; may run twice."""
    return tidy_coupons(house.engine, now=house.clock.now())
