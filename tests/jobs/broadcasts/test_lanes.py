"""Lanes: one living drain each, a dead one replaced, an older one powerless."""

import threading
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from app.core.unit import work
from jobs.broadcasts.lanes import LEASE, keep_lane, leave_lane, take_lane


def take(stage, broadcast, account, lanes=1):
    with work(stage.house.engine) as session:
        return take_lane(session, broadcast.id, account.id, lanes=lanes, now=stage.house.clock.now())


def keep(stage, run):
    with work(stage.house.engine) as session:
        return keep_lane(session, run, now=stage.house.clock.now())


def test_of_many_who_ask_at_once_as_many_get_in_as_there_are_lanes(stage, make_account):
    account = make_account()
    broadcast = stage.plan(account)
    ready, runs = threading.Barrier(6), []

    def ask():
        ready.wait()
        runs.append(take(stage, broadcast, account, lanes=2))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = [run for run in runs if run is not None]
    assert sorted(run.lane for run in got) == [0, 1]


def test_a_kept_lease_lasts_and_a_forgotten_one_is_taken_over(stage, make_account):
    account = make_account()
    broadcast = stage.plan(account)
    old = take(stage, broadcast, account)
    stage.house.clock.advance(LEASE - timedelta(seconds=1))
    assert keep(stage, old)
    stage.house.clock.advance(LEASE - timedelta(seconds=1))
    assert take(stage, broadcast, account) is None
    stage.house.clock.advance(timedelta(seconds=1))
    new = take(stage, broadcast, account)
    assert new is not None
    assert not keep(stage, old)
    with work(stage.house.engine) as session:
        leave_lane(session, old, now=stage.house.clock.now())
    assert take(stage, broadcast, account) is None
    with work(stage.house.engine) as session:
        leave_lane(session, new, now=stage.house.clock.now())
    assert take(stage, broadcast, account) is not None


def test_a_stranger_keeps_nothing(stage, make_account):
    account = make_account()
    run = take(stage, stage.plan(account), account)
    assert not keep(stage, replace(run, owner=uuid4()))
