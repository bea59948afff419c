"""The sweep finds what nobody was woken for, and a second one finds nothing more."""

from datetime import timedelta

from sqlalchemy import update

from app.core.house import current
from app.core.unit import work
from jobs.broadcasts.freeze import start_broadcast
from jobs.broadcasts.pacing import Pace
from jobs.broadcasts.sweep import sweep_broadcasts, sweep_house
from jobs.models import Lane

FAST = {"per_second": 100_000, "per_minute": 1_000_000}
START, DRAIN = "jobs.broadcasts.freeze.start_broadcast", "jobs.broadcasts.drain.drain"


def test_a_scheduled_broadcast_starts_when_its_time_has_come(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 2)
    broadcast = stage.plan(account, scheduled_at=(stage.house.clock.now() + timedelta(minutes=5)).isoformat())
    assert stage.sweep().starts == 0
    stage.house.clock.advance(timedelta(minutes=5))
    sweep_broadcasts()
    assert stage.woken() == [(START, (broadcast.id,))]
    assert current() is stage.house
    start_broadcast(broadcast.id)
    assert stage.woken() == [(DRAIN, (broadcast.id, account.id))]
    assert stage.sweep().starts == 0


def test_a_late_one_is_found_and_refused_by_the_freeze(stage, make_account):
    account = make_account()
    broadcast = stage.plan(account, scheduled_at=stage.house.clock.now().isoformat(), grace_s=60)
    stage.house.clock.advance(timedelta(hours=3))
    assert stage.sweep().starts == 1
    start_broadcast(broadcast.id)
    assert stage.sweep().starts == 0


def test_one_job_waits_however_often_it_is_swept(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 2)
    broadcast = stage.sent(account)
    stage.woken()
    assert [sweep_house(stage.house).drains for _ in range(3)] == [1, 0, 0]
    assert stage.woken() == [(DRAIN, (broadcast.id, account.id))]


def test_no_drain_is_woken_while_one_lives_and_one_is_when_it_died(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 2)
    broadcast = stage.sent(account)
    inside = []
    stage.platform.before = lambda _: inside.append(stage.sweep().drains)
    stage.people(account, 1)
    stage.drain(broadcast, account)
    assert inside == [0]
    later = stage.sent(account)
    stage.drain(later, account)
    with work(stage.house.engine) as session:
        session.execute(update(Lane).values(lease_until=stage.house.clock.now() + timedelta(seconds=90)))
    third = stage.sent(account)
    with work(stage.house.engine) as session:
        session.add(
            Lane(
                broadcast_id=third.id,
                account_id=account.id,
                lane=0,
                owner="00000000-0000-7000-8000-000000000000",
                lease_until=stage.house.clock.now() + timedelta(seconds=90),
            )
        )
    assert stage.sweep().drains == 0
    stage.house.clock.advance(timedelta(seconds=91))
    assert stage.sweep().drains == 1


def test_a_parked_account_is_left_alone_and_the_other_is_not(stage, make_account):
    first, second = make_account(**FAST), make_account(**FAST)
    stage.people(first, 1)
    stage.people(second, 1)
    broadcast = stage.sent(first, second)
    Pace(stage.house.redis, stage.house.settings.redis_prefix).park(first.id, why="daily_quota", code=45009)
    stage.woken()
    assert sweep_house(stage.house).drains == 1
    assert stage.woken() == [(DRAIN, (broadcast.id, second.id))]


def test_a_finished_broadcast_wakes_nobody(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 1)
    broadcast = stage.sent(account)
    stage.drain(broadcast, account)
    swept = stage.sweep()
    assert (swept.starts, swept.drains, swept.expired, swept.undecided, swept.joined, swept.cleared) == (0, 0, 0, 0, 0, 0)
