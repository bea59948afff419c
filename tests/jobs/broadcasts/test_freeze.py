"""Freezing: all rows or none, one a person, the account chosen per person, and a reason for everybody left out."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from app.core.errors import NotFoundError
from app.core.facts import Fact, record
from app.core.nouns import AuditEntry, Customer, Follower
from app.core.unit import reading, work
from jobs.broadcasts import freeze as freezing
from jobs.broadcasts.freeze import freeze
from jobs.broadcasts.orders import cancel, pause, send
from jobs.broadcasts.pacing import Pace
from jobs.broadcasts.status import status
from jobs.models import Delivery


def accounts_by_customer(stage, broadcast):
    return {row.customer_id: row.account_id for row in stage.rows(broadcast)}


def test_one_row_a_person_on_the_account_last_active(stage, make_account):
    first, second = make_account(), make_account()
    both = stage.people(first, 3)
    stage.people(second, 3, customers=both, last_interaction_at=stage.house.clock.now())
    alone = stage.people(first, 2)
    broadcast = stage.sent(first, second)
    rows = stage.rows(broadcast)
    assert sorted(row.customer_id for row in rows) == sorted(both + alone)
    assert accounts_by_customer(stage, broadcast) == {**dict.fromkeys(both, second.id), **dict.fromkeys(alone, first.id)}
    assert {row.state for row in rows} == {"pending"}
    assert all(row.openid and row.follower_id and 0 <= row.bucket < 10_000 for row in rows)


def test_priority_decides_when_activity_does_not(stage, make_account):
    low, high = make_account(priority=5), make_account(priority=1)
    both = stage.people(low, 2)
    stage.people(high, 2, customers=both)
    assert accounts_by_customer(stage, stage.sent(low, high)) == dict.fromkeys(both, high.id)


def test_a_parked_account_is_avoided_where_another_can_speak(stage, make_account):
    first, second = make_account(), make_account()
    both = stage.people(first, 2, last_interaction_at=stage.house.clock.now())
    stage.people(second, 2, customers=both)
    alone = stage.people(first, 1)
    Pace(stage.house.redis, stage.house.settings.redis_prefix).park(first.id, why="daily_quota", code=45009)
    assert accounts_by_customer(stage, stage.sent(first, second)) == {**dict.fromkeys(both, second.id), alone[0]: first.id}


def test_an_account_whose_day_is_used_up_counts_as_parked(stage, make_account):
    full, free = make_account(per_day=1), make_account()
    both = stage.people(full, 2, last_interaction_at=stage.house.clock.now())
    stage.people(free, 2, customers=both)
    pace = Pace(stage.house.redis, stage.house.settings.redis_prefix)
    assert pace.take(full, 1).number == 1
    assert accounts_by_customer(stage, stage.sent(full, free)) == dict.fromkeys(both, free.id)


def test_everybody_left_out_has_a_reason(stage, make_account):
    account, elsewhere = make_account(), make_account()
    follows = stage.people(account, 1)
    gone = stage.people(account, 1, state="gone")
    unseen = stage.people(account, 1, state="unknown")
    other = stage.people(elsewhere, 1)
    erased = stage.people(account, 1, openid=None, erased_at=stage.house.clock.now(), state="gone")
    with work(stage.house.engine) as session:
        nobody = session.scalar(text("INSERT INTO customer (public_id, created_at) VALUES (gen_random_uuid(), now()) RETURNING id"))
    blocks = stage.people(account, 1)
    earlier = stage.sent(account, segment=stage.only(account))
    with work(stage.house.engine) as session:
        session.execute(
            update(Delivery).where(Delivery.customer_id == blocks[0]).values(state="blocked", settled_at=stage.house.clock.now())
        )
    rows = {row.customer_id: row for row in stage.rows(stage.sent(account))}
    assert {customer: row.left_out_why for customer, row in rows.items()} == {
        follows[0]: None,
        gone[0]: "not_following",
        unseen[0]: "not_following",
        other[0]: "no_template",
        erased[0]: "erased",
        nobody: "not_following",
        blocks[0]: "blocked",
    }
    assert rows[gone[0]].openid is None
    assert rows[gone[0]].account_id is None
    assert rows[nobody].follower_id is None
    # After a month he may have let us in again, so he is asked once more.
    stage.house.clock.advance(timedelta(days=31))
    again = {row.customer_id: row for row in stage.rows(stage.sent(account))}
    assert again[blocks[0]].state == "pending"
    assert earlier.id


def test_the_control_group_is_stable_and_about_as_big_as_asked(stage, make_account):
    account = make_account()
    stage.people(account, 400)
    broadcast = stage.sent(account, control_percent=25)
    rows = stage.rows(broadcast)
    control = {row.customer_id for row in rows if row.left_out_why == "control"}
    assert control == {row.customer_id for row in rows if row.bucket < 2500}
    assert 60 < len(control) < 140
    assert stage.counts(broadcast) == {"pending": 400 - len(control), "left_out": len(control)}


def test_customers_joined_into_another_are_not_there(stage, make_account):
    account = make_account()
    keeps, joined = stage.people(account, 2)
    with work(stage.house.engine) as session:
        session.execute(update(Follower).where(Follower.customer_id == joined).values(customer_id=keeps))
        session.execute(update(Customer).where(Customer.id == joined).values(joined_into_id=keeps))
    assert [row.customer_id for row in stage.rows(stage.sent(account))] == [keeps]


def test_a_crash_leaves_nothing_and_the_next_try_leaves_all(stage, make_account, monkeypatch):
    account = make_account()
    stage.people(account, 50)
    broadcast = stage.plan(account)
    with work(stage.house.engine) as session:
        send(session, broadcast.id, actor="mei", now=stage.house.clock.now())
    written = []

    def dies(*args, **kwargs):
        written.append(args[0].scalar(text("SELECT count(*) FROM delivery")))
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(freezing, "note", dies)
        with pytest.raises(RuntimeError, match="killed"):
            stage.freeze(broadcast)
    assert written == [50]
    assert stage.rows(broadcast) == []
    assert stage.freeze(broadcast).rows == 50
    assert stage.freeze(broadcast).verdict == "already"
    assert len(stage.rows(broadcast)) == 50


def test_two_freezes_at_once_write_the_rows_once(stage, make_account):
    account = make_account()
    stage.people(account, 200)
    broadcast = stage.plan(account, scheduled_at=stage.house.clock.now().isoformat())
    ready, verdicts = threading.Barrier(3), []

    def run():
        ready.wait()
        verdicts.append(freeze(stage.house, broadcast.id).verdict)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(verdicts) == ["already", "already", "frozen"]
    assert len(stage.rows(broadcast)) == 200


def test_nothing_is_frozen_before_its_time_or_without_an_order(stage, make_account):
    account = make_account()
    stage.people(account, 1)
    now = stage.house.clock.now()
    planned = stage.plan(account)
    later = stage.plan(account, scheduled_at=(now + timedelta(hours=1)).isoformat())
    assert stage.freeze(planned).verdict == "not_due"
    assert stage.freeze(later).verdict == "not_due"
    stage.house.clock.advance(timedelta(hours=1))
    assert stage.freeze(later).verdict == "frozen"
    with pytest.raises(NotFoundError):
        freeze(stage.house, 10**9)


def test_found_late_within_the_grace_it_starts_and_past_it_it_is_refused(stage, make_account):
    account = make_account()
    stage.people(account, 1)
    at = stage.house.clock.now() + timedelta(hours=1)
    in_time = stage.plan(account, scheduled_at=at.isoformat(), grace_s=1800)
    too_late = stage.plan(account, scheduled_at=at.isoformat(), grace_s=1800)
    stage.house.clock.advance(timedelta(minutes=90))
    assert stage.freeze(in_time).verdict == "frozen"
    stage.house.clock.advance(timedelta(seconds=1))
    assert stage.freeze(too_late).verdict == "refused_late"
    assert stage.rows(too_late) == []
    told = status(stage.house, too_late.id)
    assert told.state == "refused_late"
    assert "宽限" in told.notes[0].zh
    assert stage.freeze(too_late).verdict == "stopped"
    with work(stage.house.engine) as session:
        assert "broadcast.refused_late" in session.scalars(select(AuditEntry.action)).all()
        send(session, too_late.id, actor="mei", now=stage.house.clock.now())
    assert stage.freeze(too_late).verdict == "frozen"


def test_scheduled_in_quiet_hours_it_waits_for_the_morning_without_being_late(stage, make_account):
    account = make_account()
    stage.people(account, 1)
    # 23:00 in Shanghai; the clock stands at noon.
    at = stage.house.clock.now() + timedelta(hours=11)
    broadcast = stage.plan(account, scheduled_at=at.isoformat(), grace_s=600, quiet_from="22:00", quiet_to="08:00")
    stage.house.clock.advance(timedelta(hours=19, minutes=59))
    assert stage.freeze(broadcast).verdict == "not_due"
    stage.house.clock.advance(timedelta(minutes=5))
    assert stage.freeze(broadcast).verdict == "frozen"


def test_due_by_day_but_found_at_night_it_does_not_wake_anybody(stage, make_account):
    account = make_account()
    stage.people(account, 1)
    at = stage.house.clock.now() + timedelta(hours=9, minutes=55)
    broadcast = stage.plan(account, scheduled_at=at.isoformat(), grace_s=3600, quiet_from="22:00", quiet_to="08:00")
    stage.house.clock.advance(timedelta(hours=10, minutes=10))
    assert stage.freeze(broadcast).verdict == "not_due"
    stage.house.clock.advance(timedelta(hours=1))
    assert stage.freeze(broadcast).verdict == "refused_late"


@pytest.mark.parametrize("order", [pause, cancel])
def test_a_stopped_broadcast_is_not_frozen(stage, make_account, order):
    account = make_account()
    stage.people(account, 1)
    broadcast = stage.plan(account, scheduled_at=stage.house.clock.now().isoformat())
    with work(stage.house.engine) as session:
        order(session, broadcast.id, actor="mei", now=stage.house.clock.now())
    assert stage.freeze(broadcast).verdict == "stopped"
    assert stage.rows(broadcast) == []


def test_freezing_wakes_one_drain_for_each_account_with_rows(stage, make_account):
    first, second, idle = make_account(), make_account(), make_account()
    stage.people(first, 1)
    stage.people(second, 1)
    broadcast = stage.sent(first, second, idle)
    assert sorted(stage.woken()) == [
        ("jobs.broadcasts.drain.drain", (broadcast.id, first.id)),
        ("jobs.broadcasts.drain.drain", (broadcast.id, second.id)),
    ]


def test_a_person_erased_while_the_freeze_runs_is_not_in_it(stage, make_account):
    """The erasure waits for the freeze and then finds its row: neither may miss the other."""
    account = make_account()
    customer = stage.people(account, 1)[0]
    broadcast = stage.plan(account, scheduled_at=stage.house.clock.now().isoformat())
    with reading(stage.house.engine) as session:
        follower = session.scalars(select(Follower).where(Follower.customer_id == customer)).one()
    gone = Fact(
        "erase:1", "follower.erased", stage.house.clock.now(), {}, customer_id=customer, follower_id=follower.id, account_id=account.id
    )
    started = threading.Event()

    def erase():
        with work(stage.house.engine) as session:
            session.execute(update(Follower).where(Follower.id == follower.id).values(state="gone", openid=None))
            started.set()
            record(session, [gone], registry=stage.house.registry, now=stage.house.clock.now())

    with work(stage.house.engine) as session:
        frozen = freezing.freeze_rows(session, broadcast.id, parked=(), now=stage.house.clock.now())
        thread = threading.Thread(target=erase)
        thread.start()
        started.wait()
        assert frozen.pending == 1
    thread.join()
    row = stage.rows(broadcast)[0]
    assert (row.state, row.left_out_why, row.openid, row.customer_id, row.follower_id) == ("left_out", "erased", None, None, None)
