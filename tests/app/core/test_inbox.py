"""The inbox keeps what it accepted, in order, until it is settled."""

import pytest

from app.core.inbox import Entry, Inbox, InboxFullError
from tests.support.stories import said


@pytest.fixture
def account(make_account):
    return make_account()


def test_an_entry_survives_the_trip(house, account):
    entry = said(house, account, "menu.clicked", 1.5, entry_key="a" * 64)
    assert Entry.unpack(entry.pack()) == entry


def test_entries_come_once_in_order_and_go_when_settled(house, account):
    house.inbox.ensure_group()
    house.inbox.ensure_group()
    sent = [said(house, account, "menu.clicked", number) for number in range(5)]
    for entry in sent:
        house.inbox.append(entry)
    first = house.inbox.fresh("one", count=3, block_ms=1)
    rest = house.inbox.fresh("two", count=9, block_ms=1)
    assert [Entry.unpack(raw.raw).key for raw in first + rest] == [entry.key for entry in sent]
    assert [raw.stream_id for raw in house.inbox.own_pending("one", count=9)] == [raw.stream_id for raw in first]
    house.inbox.settle(first)
    assert house.inbox.own_pending("one", count=9) == []
    assert house.inbox.waiting() == 2
    assert house.inbox.adopt("one", idle_ms=0, count=9) == rest
    house.inbox.settle(rest)
    assert house.inbox.waiting() == 0
    assert house.inbox.redis.get(house.inbox.held) is None


def test_a_full_inbox_says_so_and_takes_again_after_settling(house, account):
    entry = said(house, account, "menu.clicked")
    small = Inbox(house.inbox.redis, house.settings.redis_prefix, max_bytes=len(entry.pack()) + 10)
    small.ensure_group()
    small.append(entry)
    with pytest.raises(InboxFullError):
        small.append(entry)
    small.settle(small.fresh("one", count=1, block_ms=1))
    small.append(entry)


def test_entries_of_one_trip_are_judged_one_by_one(house, account):
    entry = said(house, account, "menu.clicked")
    size = len(entry.pack())
    small = Inbox(house.inbox.redis, house.settings.redis_prefix, max_bytes=2 * size)
    small.ensure_group()
    assert small._send([entry.pack()] * 3) == [1, 1, 0]
    assert int(house.inbox.redis.get(small.held)) == 2 * size
    assert len(small.fresh("one", count=9, block_ms=1)) == 2


def test_settling_twice_does_not_unbalance_the_count(house, account):
    house.inbox.ensure_group()
    house.inbox.append(said(house, account, "menu.clicked"))
    batch = house.inbox.fresh("one", count=1, block_ms=1)
    house.inbox.settle(batch)
    house.inbox.settle(batch)
    house.inbox.append(said(house, account, "menu.clicked"))
    assert int(house.inbox.redis.get(house.inbox.held)) > 0
