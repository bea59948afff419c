"""Receipts: in the same transaction, before the msgid, for rows nobody knows about, and never a guess."""

import itertools
import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.core.facts import Fact, record
from app.core.unit import reading, work
from app.wechat.errors import Unanswered
from jobs.broadcasts.receipts import Receipt, join_parked, outcome_of, take_receipts
from jobs.broadcasts.status import status
from jobs.models import Delivery, ParkedReceipt

numbers = itertools.count(1)
FAST = {"per_second": 100_000, "per_minute": 1_000_000}


def receive(stage, account, *receipts, at=None):
    """Facts as the ingest records them: (msgid, follower_id, status)."""
    now = stage.house.clock.now()
    facts = [
        Fact(f"receipt:{next(numbers)}", "template.receipted", at or now, {"msgid": msgid, "status": said}, None, follower_id, account.id)
        for msgid, follower_id, said in receipts
    ]
    with work(stage.house.engine) as session:
        record(session, facts, registry=stage.house.registry, now=now)


def parked(stage):
    with reading(stage.house.engine) as session:
        return session.scalar(select(func.count()).select_from(ParkedReceipt))


def lost(stage, account, number=1, **wishes):
    """A broadcast whose messages went unanswered."""
    broadcast = stage.sent(account, **wishes)
    stage.platform.answer = lambda _: Unanswered("lost")
    stage.drain(broadcast, account)
    stage.platform.answer = None
    assert stage.counts(broadcast) == {"unknown": number}
    return broadcast


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("success", "delivered"),
        ("failed:user block", "blocked"),
        ("failed: user block", "blocked"),
        ("failed: system failed", "failed"),
        ("failed:system failed", "failed"),
        ("something new", "failed"),
    ],
)
def test_what_the_status_means(said, outcome):
    assert outcome_of(said) == outcome


def test_a_batch_of_receipts_settles_its_rows(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 300)
    broadcast = stage.sent(account)
    stage.drain(broadcast, account)
    rows = stage.rows(broadcast)
    said = ["success", "failed:user block", "failed: system failed"]
    receive(stage, account, *((row.msgid, row.follower_id, said[index % 3]) for index, row in enumerate(rows)))
    assert stage.counts(broadcast) == {"delivered": 100, "blocked": 100, "failed": 100}
    settled = stage.rows(broadcast)
    assert {row.settled_at for row in settled} == {stage.house.clock.now()}
    assert {(row.state, row.error_why) for row in settled} == {("delivered", None), ("blocked", "receipt_block"), ("failed", "receipt")}
    assert parked(stage) == 0


def test_the_receipt_of_another_account_settles_nothing(stage, make_account):
    account, other = make_account(**FAST), make_account()
    stage.people(account, 1)
    broadcast = stage.sent(account)
    stage.drain(broadcast, account)
    receive(stage, other, (stage.rows(broadcast)[0].msgid, None, "success"))
    assert stage.counts(broadcast) == {"sent": 1}
    assert parked(stage) == 1


def test_a_receipt_before_its_msgid_is_parked_and_found_when_the_answer_is_recorded(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 5)
    broadcast = stage.sent(account)

    def hurry(answers):
        receive(stage, account, *((str(answer.body["msgid"]), None, "success") for answer in answers))
        assert parked(stage) == 5

    stage.platform.after = hurry
    stage.drain(broadcast, account)
    assert stage.counts(broadcast) == {"delivered": 5}
    assert parked(stage) == 0


def test_when_neither_transaction_sees_the_other_the_sweep_joins_them(stage, make_account):
    """The receipt is taken while the answer is being recorded but not yet committed."""
    account = make_account(**FAST)
    stage.people(account, 1)
    broadcast = stage.sent(account)
    row = stage.rows(broadcast)[0]
    now = stage.house.clock.now()
    with work(stage.house.engine) as recording:
        recording.get_one(Delivery, row.id).msgid = "777"
        recording.get_one(Delivery, row.id).state = "sent"
        recording.flush()
        with work(stage.house.engine) as receiving:
            take_receipts(receiving, [Receipt(account.id, "777", row.follower_id, "delivered", now)], now=now)
    assert stage.counts(broadcast) == {"sent": 1}
    assert parked(stage) == 1
    assert stage.sweep().joined == 1
    assert stage.counts(broadcast) == {"delivered": 1}
    assert parked(stage) == 0


def test_receipts_race_the_drain_and_every_row_ends_right(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 1500)
    broadcast = stage.sent(account)
    threads = []

    def chase(answers):
        said = [(str(answer.body["msgid"]), None, "success") for answer in answers]
        thread = threading.Thread(target=receive, args=(stage, account, *said))
        thread.start()
        threads.append(thread)

    stage.platform.after = chase
    stage.drain(broadcast, account)
    for thread in threads:
        thread.join()
    stage.sweep()
    assert stage.counts(broadcast) == {"delivered": 1500}
    assert parked(stage) == 0


def test_the_late_receipt_of_an_unknown_row_settles_it(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 1)
    broadcast = lost(stage, account)
    row = stage.rows(broadcast)[0]
    stage.house.clock.advance(timedelta(hours=2))
    receive(stage, account, ("900", row.follower_id, "success"))
    assert stage.counts(broadcast) == {"unknown": 1}
    assert stage.sweep().joined == 1
    settled = stage.rows(broadcast)[0]
    assert (settled.state, settled.msgid) == ("delivered", "900")
    assert status(stage.house, broadcast.id).state == "finished"


def test_two_unknown_rows_of_one_person_are_joined_to_none(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 1)
    first, second = lost(stage, account), lost(stage, account)
    receive(stage, account, ("900", stage.rows(first)[0].follower_id, "success"))
    assert stage.sweep().joined == 0
    assert (stage.counts(first), stage.counts(second)) == ({"unknown": 1}, {"unknown": 1})
    assert parked(stage) == 1


def test_two_receipts_for_one_unknown_row_are_joined_to_none(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 1)
    broadcast = lost(stage, account)
    follower = stage.rows(broadcast)[0].follower_id
    receive(stage, account, ("900", follower, "success"), ("901", follower, "failed:user block"))
    assert stage.sweep().joined == 0
    assert stage.counts(broadcast) == {"unknown": 1}


def test_a_row_still_being_sent_makes_the_receipt_wait(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 1)
    unknown = lost(stage, account)
    follower = stage.rows(unknown)[0].follower_id
    sending = stage.sent(account)

    def meanwhile(answers):
        receive(stage, account, (str(answers[0].body["msgid"]), follower, "success"))
        assert stage.sweep().joined == 0

    stage.platform.after = meanwhile
    stage.drain(sending, account)
    assert stage.counts(sending) == {"delivered": 1}
    assert stage.counts(unknown) == {"unknown": 1}


def test_a_receipt_from_before_the_attempt_or_a_day_after_it_is_about_something_else(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 2)
    broadcast = lost(stage, account, 2)
    first, second = (row.follower_id for row in stage.rows(broadcast))
    now = stage.house.clock.now()
    receive(stage, account, ("900", first, "success"), at=now - timedelta(minutes=5))
    stage.house.clock.advance(timedelta(hours=25))
    receive(stage, account, ("901", second, "success"))
    assert stage.sweep().joined == 0
    assert stage.counts(broadcast) == {"undecided": 2}


def test_an_undecided_row_still_takes_the_receipt_of_its_own_day(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 1)
    broadcast = lost(stage, account)
    row = stage.rows(broadcast)[0]
    stage.house.clock.advance(timedelta(hours=25))
    stage.sweep()
    assert stage.counts(broadcast) == {"undecided": 1}
    receive(stage, account, ("900", row.follower_id, "failed:user block"), at=row.first_attempt_at + timedelta(seconds=2))
    assert stage.sweep().joined == 1
    assert stage.counts(broadcast) == {"blocked": 1}


def test_parked_receipts_expire_after_seven_days(stage, make_account):
    account = make_account()
    receive(stage, account, ("1", None, "success"))
    stage.house.clock.advance(timedelta(days=7))
    stage.sweep()
    assert parked(stage) == 1
    stage.house.clock.advance(timedelta(seconds=1))
    stage.sweep()
    assert parked(stage) == 0


def test_the_same_receipt_twice_in_a_batch_and_one_without_msgid_change_nothing(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 1)
    broadcast = stage.sent(account)
    stage.drain(broadcast, account)
    row = stage.rows(broadcast)[0]
    receive(stage, account, (row.msgid, None, "success"), (row.msgid, row.follower_id, "success"), ("", None, "success"))
    receive(stage, account, ("888", None, "success"), ("888", None, "success"))
    receive(stage, account, ("888", None, "success"))
    assert stage.counts(broadcast) == {"delivered": 1}
    assert parked(stage) == 1


def test_a_settled_row_is_not_settled_again(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 1)
    broadcast = stage.sent(account)
    stage.drain(broadcast, account)
    row = stage.rows(broadcast)[0]
    receive(stage, account, (row.msgid, None, "failed:user block"))
    receive(stage, account, (row.msgid, None, "success"))
    assert stage.counts(broadcast) == {"blocked": 1}


def test_joining_twice_changes_nothing(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 1)
    broadcast = lost(stage, account)
    receive(stage, account, ("900", stage.rows(broadcast)[0].follower_id, "success"))
    with work(stage.house.engine) as session:
        assert join_parked(session, now=stage.house.clock.now()) == 1
        assert join_parked(session, now=stage.house.clock.now()) == 0
