"""First and last touch by time of the scan; counts by day in Shanghai, which name nobody and survive erasure."""

from datetime import date

import pytest
from sqlalchemy import text

from app.core.unit import reading
from tests.tagging.steps import channel, customers, fact, tell

DAY_S = 86_400
NOON_TO_MIDNIGHT_S = 12 * 3600
"""The test's clock stands at noon in Shanghai."""


@pytest.fixture
def account(make_account):
    return make_account()


@pytest.fixture
def gates(house, account):
    return [channel(house, account, scene, created_s=-10 * DAY_S) for scene in ("east", "west", "north")]


def scan(house, who, account, at_s, scene, *, following=True, **more):
    return fact(house, who, "qr.scanned", at_s, account.id, scene=scene, following=following, **more)


def touch(house, who):
    with reading(house.engine) as session:
        query = "SELECT f.scene, l.scene FROM touch t JOIN channel f ON f.id = first_channel_id JOIN channel l ON l.id = last_channel_id"
        return [tuple(row) for row in session.execute(text(query + " WHERE follower_id = :id"), {"id": who[1]})]


def days(house):
    with reading(house.engine) as session:
        query = "SELECT c.scene, d.day, d.scans, d.follows FROM channel_day d JOIN channel c ON c.id = channel_id ORDER BY 1, 2"
        return [tuple(row) for row in session.execute(text(query))]


def test_first_and_last_go_by_the_time_of_the_scan(house, account, gates):
    lin = customers(house, account, 1)[0]
    tell(house, scan(house, lin, account, 20, "west"))
    assert touch(house, lin) == [("west", "west")]
    tell(house, scan(house, lin, account, 10, "east"))
    assert touch(house, lin) == [("east", "west")]
    tell(house, scan(house, lin, account, 30, "north"), scan(house, lin, account, 15, "west"))
    assert touch(house, lin) == [("east", "north")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_scans_in_one_second_are_ordered_by_key(house, account, gates, order):
    lin = customers(house, account, 1)[0]
    story = [scan(house, lin, account, 5, "east", fact_key="a"), scan(house, lin, account, 5, "west", fact_key="b")]
    for number in order:
        tell(house, story[number])
    assert touch(house, lin) == [("east", "west")]


def test_unknown_scenes_touch_nothing(house, account, gates):
    lin = customers(house, account, 1)[0]
    tell(house, scan(house, lin, account, 5, "nowhere"))
    assert touch(house, lin) == []
    assert days(house) == []


def test_a_day_begins_at_midnight_in_shanghai(house, account, gates):
    lin = customers(house, account, 1)[0]
    tell(
        house,
        scan(house, lin, account, NOON_TO_MIDNIGHT_S - 1, "east", following=False),
        scan(house, lin, account, NOON_TO_MIDNIGHT_S, "east"),
        scan(house, lin, account, NOON_TO_MIDNIGHT_S + 1, "east"),
    )
    assert days(house) == [("east", date(2026, 11, 22), 1, 1), ("east", date(2026, 11, 23), 2, 0)]


def test_batches_add_up_and_a_scan_without_a_word_on_following_is_no_follow(house, account, gates):
    people = customers(house, account, 5)
    for _ in range(2):
        tell(house, *[scan(house, who, account, 1, "east", following=None) for who in people], scan(house, people[0], account, 2, "west"))
    assert days(house) == [("east", date(2026, 11, 22), 10, 0), ("west", date(2026, 11, 22), 2, 0)]


def test_a_scan_from_before_an_erasure_counts_for_the_day_and_for_nobody(house, account, gates):
    from tests.support.stories import hear, said

    hear(house, said(house, account, "follower.followed", 1), said(house, account, "follower.unfollowed", 10))
    hear(house, said(house, account, "qr.scanned", 5, scene="east", following=False))
    assert days(house) == [("east", date(2026, 11, 22), 1, 1)]
    with reading(house.engine) as session:
        assert session.scalar(text("SELECT count(*) FROM touch")) == 0
        assert session.scalar(text("SELECT count(*) FROM channel_visit")) == 0
