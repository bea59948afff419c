"""Pacing: the buckets are shared, survive restarts, and bound what WeChat sees in any sliding second."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jobs.broadcasts.pacing import CHUNK, Pace, burst_of, grain_of


@pytest.fixture
def pace(house):
    return Pace(house.redis, house.settings.redis_prefix)


def take(pace, account):
    """The first answer that the second's bucket has no part in."""
    while True:
        grant = pace.take(account, CHUNK)
        if grant.number or grant.limit != "second":
            return grant


def most_in_any_second(moments):
    """The most moments that any window of one second holds."""
    moments = sorted(moments)
    first, most = 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize(("per_second", "grain"), [(1, 1), (19, 1), (40, 2), (400, 20), (4000, CHUNK), (100_000, CHUNK)])
def test_a_grant_is_a_twentieth_of_a_second_and_never_over_a_chunk(make_account, per_second, grain):
    assert grain_of(make_account(per_second=per_second)) == grain


def test_grants_stay_within_rate_and_two_grains_in_any_second(pace, make_account):
    account = make_account(per_second=200)
    grants, stop = [], threading.Event()

    def greedy():
        while not stop.is_set():
            grant = pace.take(account, CHUNK)
            now = time.monotonic()
            grants.extend([now] * grant.number)

    threads = [threading.Thread(target=greedy) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(1.6)
    stop.set()
    for thread in threads:
        thread.join()
    # A thread notes its grant a moment after Redis gave it, so one grain of each may slip into the next window.
    assert most_in_any_second(grants) <= 200 + grain_of(account) * (2 + len(threads))
    assert len(grants) >= 250


def test_two_drains_send_at_most_rate_plus_burst_in_any_sliding_second(stage, make_account):
    account = make_account(per_second=300)
    stage.people(account, 900)
    broadcast = stage.sent(account, lanes=2)
    moments, lock = [], threading.Lock()

    def note(requests):
        with lock:
            moments.extend([time.monotonic()] * len(requests))

    stage.platform.before = note
    ready = threading.Barrier(2)

    def run():
        ready.wait()
        stage.drain(broadcast, account)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stage.counts(broadcast) == {"sent": 900}
    assert len(moments) == 900
    assert most_in_any_second(moments) <= account.per_second + burst_of(account, drains=2)


def test_a_minute_holds_no_more_than_its_limit_and_says_when_to_come_back(pace, make_account):
    account = make_account(per_second=100_000, per_minute=250)
    assert [take(pace, account).number for _ in range(2)] == [200, 50]
    refused = take(pace, account)
    assert (refused.number, refused.limit) == (0, "minute")
    assert 55_000 < refused.wait_ms <= 61_000


def test_a_day_holds_no_more_than_its_limit_and_ends_at_midnight_in_shanghai(pace, make_account):
    account = make_account(per_second=100_000, per_day=210)
    assert [take(pace, account).number for _ in range(2)] == [200, 10]
    assert pace.used_today(account.id) == 210
    refused = take(pace, account)
    assert (refused.number, refused.limit) == (0, "day")
    ends = datetime.fromtimestamp(time.time() + refused.wait_ms / 1000, UTC)
    assert ends.hour * 60 + ends.minute in {16 * 60, 16 * 60 - 1}


def test_yesterdays_use_is_not_todays(pace, house, make_account):
    account = make_account(per_second=100_000, per_day=210)
    pace.take(account, CHUNK)
    key = f"{house.settings.redis_prefix}:pace:{account.id}:day"
    house.redis.hincrby(key, "day", -1)
    assert pace.used_today(account.id) == 0
    assert take(pace, account).number == 200
    assert pace.used_today(account.id) == 200


def test_another_process_finds_the_same_buckets(pace, house, make_account):
    account, other = make_account(per_second=100_000, per_day=200), make_account()
    pace.take(account, CHUNK)
    pace.park(other.id, why="minute_quota", code=45011, seconds=60)
    restarted = Pace(house.redis, house.settings.redis_prefix)
    assert restarted.take(account, CHUNK).limit == "day"
    assert restarted.take(other, 1).limit == "parked"
    assert Pace(house.redis, "another-house").take(account, CHUNK).number == 200


def test_a_rate_limits_the_next_grant(pace, make_account):
    account = make_account(per_second=20)
    numbers = [pace.take(account, 5) for _ in range(3)]
    assert numbers[0].number == 1
    assert numbers[-1].number == 0
    assert 0 < numbers[-1].wait_ms <= 100


def test_tokens_given_back_can_be_taken_again(pace, make_account):
    account = make_account(per_second=100_000, per_minute=200, per_day=200)
    assert pace.take(account, CHUNK).number == 200
    pace.give_back(account, 150)
    assert pace.used_today(account.id) == 50
    assert take(pace, account).number == 150
    pace.give_back(account, 0)
    assert take(pace, account).number == 0


def test_the_longer_stop_stands(pace, make_account):
    account = make_account()
    pace.park(account.id, why="daily_quota", code=45009)
    pace.park(account.id, why="minute_quota", code=45011, seconds=60)
    assert pace.parked([account.id])[account.id].why == "daily_quota"
    pace.unpark(account.id)
    assert pace.parked([account.id]) == {}
    assert pace.take(replace(account), 1).number == 1
