"""Deliveries go with their people when consent joins two customers or its end parts them."""

from datetime import timedelta
from itertools import count

from sqlalchemy import select

from app.core.consents import apply_consents, learn_unionids
from app.core.facts import Fact
from app.core.nouns import Follower
from app.core.observe import observe
from app.core.unit import reading, work
from jobs.broadcasts.pacing import Pace
from tests.support.broadcasts import refusal

FAST = {"per_second": 100_000, "per_minute": 1_000_000}
numbers = count(1)


def followers_of(stage, *customers):
    with reading(stage.house.engine) as session:
        return [session.scalars(select(Follower.id).where(Follower.customer_id == customer)).one() for customer in customers]


def consent(stage, account, follower_id, kind="consent.granted"):
    now = stage.house.clock.now()
    with work(stage.house.engine) as session:
        customer_id = session.get_one(Follower, follower_id).customer_id
        fact = Fact(f"consent:{next(numbers)}", kind, now, {"version": "1", "via": "menu"}, customer_id, follower_id, account.id)
        observe(session, [fact], registry=stage.house.registry, retention={}, now=now)
    with work(stage.house.engine) as session:
        apply_consents(session, [follower_id], registry=stage.house.registry, now=now)


def joined(stage, account, first, second):
    """Lin follows both accounts, says yes, and both unionids turn out to be hers."""
    ids = followers_of(stage, first, second)
    consent(stage, account, ids[0])
    with work(stage.house.engine) as session:
        learn_unionids(session, dict.fromkeys(ids, "union-lin"), registry=stage.house.registry, now=stage.house.clock.now())
    with reading(stage.house.engine) as session:
        owners = set(session.scalars(select(Follower.customer_id).where(Follower.id.in_(ids))))
    assert owners == {min(first, second)}
    return ids


def test_two_pending_rows_of_one_person_become_one_message(stage, make_account):
    first, second = make_account(**FAST), make_account(**FAST)
    (lin,), (lin_too,) = stage.people(first, 1), stage.people(second, 1)
    broadcast = stage.sent(first, second)
    assert stage.counts(broadcast) == {"pending": 2}
    joined(stage, first, lin, lin_too)
    rows = stage.rows(broadcast)
    assert [(row.customer_id, row.state, row.left_out_why) for row in rows] == [(lin, "pending", None), (None, "left_out", "joined")]
    for account in (first, second):
        stage.drain(broadcast, account)
    assert len(stage.platform.calls) == 1


def test_the_row_that_got_further_is_the_persons(stage, make_account):
    first, second = make_account(**FAST), make_account(**FAST)
    (lin,), (lin_too,) = stage.people(first, 1), stage.people(second, 1)
    broadcast = stage.sent(first, second)
    stage.drain(broadcast, second)
    joined(stage, first, lin, lin_too)
    rows = {row.account_id: row for row in stage.rows(broadcast)}
    assert (rows[second.id].customer_id, rows[second.id].state) == (lin, "sent")
    left = next(row for row in stage.rows(broadcast) if row.state == "left_out")
    assert (left.customer_id, left.left_out_why) == (None, "joined")
    stage.drain(broadcast, first)
    assert len(stage.platform.calls) == 1


def test_a_message_throttled_while_its_person_is_joined_is_not_her_second(stage, make_account):
    first, second = make_account(**FAST), make_account(**FAST)
    (lin,), (lin_too,) = stage.people(first, 1), stage.people(second, 1)
    broadcast = stage.sent(first, second)
    stage.drain(broadcast, first)
    stage.platform.before = lambda _: joined(stage, first, lin, lin_too)
    stage.platform.answer = lambda _: refusal(45011)
    stage.drain(broadcast, second)
    left = next(row for row in stage.rows(broadcast) if row.account_id == second.id)
    assert (left.state, left.left_out_why, left.customer_id, left.openid) == ("left_out", "joined", None, None)
    Pace(stage.house.redis, stage.house.settings.redis_prefix).unpark(second.id)
    stage.platform.before = stage.platform.answer = None
    stage.drain(broadcast, second)
    assert stage.counts(broadcast) == {"left_out": 1, "sent": 1}


def test_rows_that_do_not_clash_simply_move(stage, make_account):
    first, second = make_account(**FAST), make_account(**FAST)
    (lin,), (lin_too,) = stage.people(first, 1), stage.people(second, 1)
    broadcast = stage.sent(first, second, segment=stage.only(second))
    joined(stage, first, lin, lin_too)
    assert [row.customer_id for row in stage.rows(broadcast)] == [lin]


def test_when_consent_ends_each_keeps_what_came_to_him(stage, make_account):
    first, second = make_account(**FAST), make_account(**FAST)
    (lin,), (lin_too,) = stage.people(first, 1), stage.people(second, 1)
    one, two = stage.sent(first, segment=stage.only(first)), stage.sent(second, segment=stage.only(second))
    ids = joined(stage, first, lin, lin_too)
    assert [row.customer_id for row in stage.rows(one) + stage.rows(two)] == [lin, lin]
    stage.house.clock.advance(timedelta(hours=1))
    consent(stage, first, ids[0], "consent.revoked")
    with reading(stage.house.engine) as session:
        apart = session.scalars(select(Follower.customer_id).where(Follower.id == ids[1])).one()
    assert apart not in {lin, lin_too}
    assert [row.customer_id for row in stage.rows(one) + stage.rows(two)] == [lin, apart]
