"""The ingest process: nothing lost, nothing twice, nothing innocent buried."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, text

from app.core.dead import DeadLetterRow
from app.core.facts import FactRow
from app.core.inbox import GROUP
from app.core.unit import reading, work
from jobs.dead import list_dead, replay, replay_all
from jobs.ingest import record_now
from jobs.ingest_loop import IngestLoop
from tests.support.cast import LIN, ZHAO
from tests.support.stories import said


@pytest.fixture
def account(make_account):
    return make_account()


def loop(house, name="one", **wishes):
    wishes.setdefault("retry_s", 0.0)
    return IngestLoop(house, name, **wishes)


def count(house, table=FactRow):
    with reading(house.engine) as session:
        return session.scalar(select(func.count()).select_from(table))


def pour(house, account, number, **data):
    entries = [said(house, account, "menu.clicked", each % 60, who=(LIN, ZHAO)[each % 2], menu="coupons", **data) for each in range(number)]
    for entry in entries:
        house.inbox.append(entry)
    return entries


def drain(one, house, steps=60):
    for _ in range(steps):
        one.step(block_ms=1)
        if not house.inbox.waiting():
            return


def test_entries_become_facts_once_and_leave_the_stream(house, account):
    pour(house, account, 30)
    drain(loop(house, batch=7), house)
    assert (count(house), house.inbox.waiting()) == (30, 0)


def test_a_process_finds_its_own_entries_after_a_crash(house, account):
    pour(house, account, 5)
    house.inbox.ensure_group()
    house.inbox.fresh("one", count=3, block_ms=1)
    drain(loop(house, "one"), house)
    assert (count(house), house.inbox.waiting()) == (5, 0)


def test_what_a_dead_process_left_is_taken_over(house, account):
    pour(house, account, 5)
    house.inbox.ensure_group()
    house.inbox.fresh("gone-for-good", count=5, block_ms=1)
    drain(loop(house, "two", idle_ms=0), house)
    assert (count(house), house.inbox.waiting()) == (5, 0)


def test_entries_handed_out_again_after_their_commit_add_nothing(house, account):
    entries = pour(house, account, 5)
    for entry in entries:
        record_now(house, entry)
    drain(loop(house), house)
    assert (count(house), house.inbox.waiting()) == (5, 0)


def test_a_lost_group_begins_again_at_the_start(house, account):
    one = loop(house)
    pour(house, account, 2)
    drain(one, house)
    pour(house, account, 3)
    house.inbox.redis.xgroup_destroy(house.inbox.stream, GROUP)
    drain(one, house)
    assert (count(house), house.inbox.waiting()) == (5, 0)


POISON = [b"\xff\xfe", b"{}", b"[]", b"null", b'{"k":1}', b""]


@pytest.mark.parametrize("poison", POISON)
def test_one_poisoned_entry_among_many_harms_nobody_else(house, account, poison):
    pour(house, account, 40)
    house.inbox.redis.xadd(house.inbox.stream, {"d": poison})
    pour(house, account, 40)
    drain(loop(house, batch=200), house)
    assert (count(house), count(house, DeadLetterRow), house.inbox.waiting()) == (80, 1, 0)


def test_an_entry_the_database_refuses_is_buried_after_five_tries_and_can_be_replayed(house, account):
    entry = said(house, account, "menu.clicked", 1, who=LIN)
    # The database may not take an openid this long; the webhook would have refused it.
    object.__setattr__(entry, "openid", "o" * 65)
    house.inbox.append(entry)
    one = loop(house)
    for _ in range(5):
        assert count(house, DeadLetterRow) == 0
        one.step(block_ms=1)
    assert (count(house), count(house, DeadLetterRow), house.inbox.waiting()) == (0, 1, 0)
    with reading(house.engine) as session:
        letter = list_dead(session)[0]
        assert b"oooo" not in session.scalars(select(DeadLetterRow.entry)).one()
    assert not replay(house, letter.id)
    with work(house.engine) as session:
        session.execute(text("ALTER TABLE follower ALTER COLUMN openid TYPE varchar(100)"))
    try:
        assert replay_all(house) == (1, 0)
        assert (count(house), replay_all(house)) == (1, (0, 0))
    finally:
        with work(house.engine) as session:
            session.execute(text("TRUNCATE follower CASCADE"))
            session.execute(text("ALTER TABLE follower ALTER COLUMN openid TYPE varchar(64)"))


def test_an_entry_of_an_account_not_here_waits_for_it_and_is_buried_alone(house, account):
    stray = said(house, account, "menu.clicked", 1)
    object.__setattr__(stray, "appid", "wxunknown")
    house.inbox.append(stray)
    pour(house, account, 3)
    drain(loop(house), house)
    assert (count(house), count(house, DeadLetterRow)) == (3, 1)


def test_a_table_that_is_missing_is_nobodys_fault(house, account):
    pour(house, account, 3)
    one = loop(house)
    with work(house.engine) as session:
        session.execute(text("ALTER TABLE fact RENAME TO fact_away"))
    try:
        for _ in range(7):
            with pytest.raises(Exception, match="fact"):
                one.step(block_ms=1)
    finally:
        with work(house.engine) as session:
            session.execute(text("ALTER TABLE fact_away RENAME TO fact"))
    drain(loop(house), house)
    assert (count(house), count(house, DeadLetterRow)) == (3, 0)


def test_two_processes_share_the_stream_and_count_nothing_twice(house, account):
    pour(house, account, 300)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: drain(loop(house, name, batch=20), house), ("one", "two")))
    drain(loop(house, "one"), house)
    assert (count(house), house.inbox.waiting()) == (300, 0)
