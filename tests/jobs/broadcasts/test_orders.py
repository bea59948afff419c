"""What a person may tell a broadcast, in which state, and what the audit keeps of it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.errors import ConflictError, NotFoundError
from app.core.nouns import AuditEntry
from app.core.unit import reading, work
from jobs.broadcasts.orders import broadcast_by_key, cancel, pause, resume, send, send_to_missing
from jobs.broadcasts.status import status
from tests.support.broadcasts import refusal

FAST = {"per_second": 100_000, "per_minute": 1_000_000}


def tell(stage, order, broadcast, **wishes):
    with work(stage.house.engine) as session:
        return order(session, broadcast.id, actor="mei", now=stage.house.clock.now(), **wishes)


def state(stage, broadcast):
    return status(stage.house, broadcast.id).state


def test_a_life_from_plan_to_end(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 3)
    broadcast = stage.plan(account)
    assert state(stage, broadcast) == "planned"
    tell(stage, send, broadcast, at=stage.house.clock.now() + timedelta(hours=1))
    assert state(stage, broadcast) == "scheduled"
    tell(stage, send, broadcast)
    assert state(stage, broadcast) == "starting"
    tell(stage, send, broadcast)
    stage.freeze(broadcast)
    assert state(stage, broadcast) == "sending"
    tell(stage, send, broadcast)
    tell(stage, pause, broadcast)
    tell(stage, pause, broadcast)
    assert state(stage, broadcast) == "paused"
    tell(stage, resume, broadcast)
    tell(stage, resume, broadcast)
    stage.drain(broadcast, account)
    assert state(stage, broadcast) == "finished"
    tell(stage, cancel, broadcast)
    tell(stage, cancel, broadcast)
    assert state(stage, broadcast) == "cancelled"
    assert stage.counts(broadcast) == {"sent": 3}
    with reading(stage.house.engine) as session:
        entries = session.execute(
            select(AuditEntry.actor, AuditEntry.action).where(AuditEntry.action != "account.added").order_by(AuditEntry.id)
        ).all()
    assert [tuple(entry) for entry in entries] == [
        ("mei", "broadcast.plan"),
        ("mei", "broadcast.send"),
        ("mei", "broadcast.send"),
        ("fanka", "broadcast.freeze"),
        ("mei", "broadcast.pause"),
        ("mei", "broadcast.resume"),
        ("mei", "broadcast.cancel"),
    ]


def test_a_cancelled_broadcast_takes_no_more_orders(stage, make_account):
    broadcast = stage.plan(make_account())
    tell(stage, cancel, broadcast)
    for order in (send, pause, resume, send_to_missing):
        with pytest.raises(ConflictError):
            tell(stage, order, broadcast)


def test_a_frozen_broadcast_cannot_be_moved(stage, make_account):
    account = make_account()
    broadcast = stage.sent(account)
    with pytest.raises(ConflictError, match="frozen"):
        tell(stage, send, broadcast, at=stage.house.clock.now() + timedelta(hours=1))


def test_what_is_not_there_is_said_so(stage, make_account):
    broadcast = stage.plan(make_account(), key="known")
    with work(stage.house.engine) as session:
        assert broadcast_by_key(session, "known").id == broadcast.id
        assert broadcast_by_key(session, str(broadcast.public_id)).id == broadcast.id
        for key in ("unknown", "00000000-0000-7000-8000-000000000000"):
            with pytest.raises(NotFoundError):
                broadcast_by_key(session, key)
    broadcast.id += 1000
    for order in (send, pause, resume, cancel, send_to_missing):
        with pytest.raises(NotFoundError):
            tell(stage, order, broadcast)


def test_one_paused_before_its_time_starts_when_it_is_resumed(stage, make_account):
    account = make_account()
    stage.people(account, 1)
    at = stage.house.clock.now() + timedelta(hours=1)
    broadcast = stage.plan(account, scheduled_at=at.isoformat(), grace_s=60)
    tell(stage, pause, broadcast)
    stage.house.clock.advance(timedelta(hours=5))
    assert stage.freeze(broadcast).verdict == "stopped"
    tell(stage, resume, broadcast)
    assert stage.freeze(broadcast).verdict == "frozen"


def test_the_next_wave_goes_to_those_the_last_one_missed(stage, make_account):
    account, second = make_account(**FAST), make_account(**FAST)
    refused = stage.people(account, 2)
    silent = stage.people(account, 1, last_interaction_at=stage.house.clock.now())
    taken = stage.people(account, 2)
    gone = stage.people(account, 1, state="gone")
    control = stage.people(account, 0)
    broadcast = stage.sent(account, second)
    by_customer = {row.customer_id: row.openid for row in stage.rows(broadcast)}
    no = {by_customer[customer] for customer in refused}
    nothing = {by_customer[customer] for customer in silent}

    def answer(call):
        if call.payload["touser"] in no:
            return refusal(43004)
        return refusal(-1) if call.payload["touser"] in nothing else None

    stage.platform.answer = answer
    with pytest.raises(ConflictError, match="wave"):
        tell(stage, send_to_missing, broadcast)
    stage.drain(broadcast, account)
    # One of the refused follows the second account by now, and the one who was gone came back.
    stage.people(second, 1, customers=refused[:1], last_interaction_at=stage.house.clock.now())
    stage.people(account, 1, customers=gone)
    tell(stage, send_to_missing, broadcast)
    assert stage.freeze(broadcast).verdict == "frozen"
    again = {row.customer_id: row for row in stage.rows(broadcast) if row.wave == 2}
    assert set(again) == {*refused, *gone, *control}
    assert not set(again) & {*silent, *taken}
    assert again[refused[0]].account_id == second.id
    stage.platform.answer = None
    stage.drain(broadcast, account)
    stage.drain(broadcast, second)
    assert {row.state for row in stage.rows(broadcast) if row.wave == 2} == {"sent"}
    ids = [call.payload["client_msg_id"] for call in stage.platform.calls]
    assert len(ids) == len(set(ids))
