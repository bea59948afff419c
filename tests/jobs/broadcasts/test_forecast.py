"""The forecast says what the freeze will do, and writes nothing."""

import pytest

from app.core.errors import NotFoundError
from app.core.unit import work
from jobs.broadcasts.forecast import forecast
from jobs.broadcasts.orders import send
from jobs.broadcasts.pacing import Pace


def test_the_forecast_is_what_the_freeze_then_writes(stage, make_account):
    first, second, elsewhere = make_account(per_second=10, per_day=4), make_account(), make_account()
    stage.people(first, 5)
    stage.people(second, 3)
    stage.people(elsewhere, 2)
    stage.people(first, 1, state="gone")
    broadcast = stage.plan(first, second)
    told = forecast(stage.house, broadcast.id)
    assert (told.total, told.reached) == (11, 8)
    assert told.left_out == {"no_template": 2, "not_following": 1}
    assert [(reach.appid, reach.people, reach.left_today, reach.over_quota) for reach in told.accounts] == [
        (first.appid, 5, 4, 1),
        (second.appid, 3, 100_000, 0),
    ]
    assert "未关注" in told.left_out_words["not_following"].zh
    assert stage.rows(broadcast) == []
    with work(stage.house.engine) as session:
        send(session, broadcast.id, actor="mei", now=stage.house.clock.now())
    frozen = stage.freeze(broadcast)
    assert (frozen.rows, frozen.pending) == (told.total, told.reached)
    by_account = [row.account_id for row in stage.rows(broadcast) if row.state == "pending"]
    assert [by_account.count(account.id) for account in (first, second)] == [5, 3]


def test_seconds_follow_the_slower_of_second_and_minute(stage, make_account):
    by_second, by_minute = make_account(per_second=2), make_account(per_second=100, per_minute=60)
    stage.people(by_second, 10)
    stage.people(by_minute, 10)
    told = forecast(stage.house, stage.plan(by_second, by_minute).id)
    assert [reach.seconds for reach in told.accounts] == [5, 10]


def test_a_parked_account_is_forecast_as_parked(stage, make_account):
    first, second = make_account(), make_account()
    both = stage.people(first, 2, last_interaction_at=stage.house.clock.now())
    stage.people(second, 2, customers=both)
    broadcast = stage.plan(first, second)
    assert [reach.people for reach in forecast(stage.house, broadcast.id).accounts] == [2, 0]
    Pace(stage.house.redis, stage.house.settings.redis_prefix).park(first.id, why="daily_quota", code=45009)
    assert [reach.people for reach in forecast(stage.house, broadcast.id).accounts] == [0, 2]


def test_a_broadcast_that_is_not_there(stage):
    with pytest.raises(NotFoundError):
        forecast(stage.house, 1)
