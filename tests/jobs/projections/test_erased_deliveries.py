"""Erasure reaches deliveries and parked receipts, and stops at what was frozen after the person came back."""

from datetime import timedelta

from sqlalchemy import select, text

from app.core.facts import Fact
from app.core.nouns import Follower
from app.core.observe import observe
from app.core.unit import reading, work
from app.wechat.errors import Unanswered
from jobs.broadcasts.claim import claim, release
from jobs.broadcasts.lanes import take_lane
from jobs.broadcasts.pacing import Pace
from jobs.broadcasts.status import status
from jobs.models import ParkedReceipt
from tests.support.broadcasts import refusal

FAST = {"per_second": 100_000, "per_minute": 1_000_000}


def unfollow(stage, account, customer_id, *, at=None):
    now = stage.house.clock.now()
    with work(stage.house.engine) as session:
        follower = session.scalars(select(Follower).where(Follower.customer_id == customer_id)).one()
        fact = Fact(f"gone:{follower.id}", "follower.unfollowed", at or now, {}, customer_id, follower.id, account.id)
        observe(session, [fact], registry=stage.house.registry, retention={account.id: account.retention}, now=now)
    return follower.id


def links(row):
    return (row.customer_id, row.follower_id, row.openid)


def test_nothing_in_a_delivery_leads_to_an_erased_person(stage, make_account):
    account = make_account(**FAST)
    lin, mei = stage.people(account, 2)
    done = stage.sent(account)
    stage.drain(done, account)
    waiting = stage.sent(account)
    unfollow(stage, account, lin)
    sent, other = stage.rows(done)
    assert links(sent) == (None, None, None)
    assert (sent.state, sent.msgid is not None) == ("sent", True)
    assert other.customer_id == mei
    left, kept = stage.rows(waiting)
    assert (left.state, left.left_out_why, *links(left)) == ("left_out", "erased", None, None, None)
    stage.drain(waiting, account)
    assert kept.customer_id == mei
    assert stage.counts(waiting) == {"left_out": 1, "sent": 1}
    assert status(stage.house, waiting.id).state == "finished"


def test_the_receipt_of_an_erased_person_still_settles_the_row(stage, make_account):
    account = make_account(**FAST)
    (lin,) = stage.people(account, 1)
    broadcast = stage.sent(account)
    stage.drain(broadcast, account)
    before = stage.house.clock.now() - timedelta(seconds=5)
    follower_id = unfollow(stage, account, lin)
    now = stage.house.clock.now()
    with work(stage.house.engine) as session:
        said = {"msgid": stage.rows(broadcast)[0].msgid, "status": "success"}
        fact = Fact("late", "template.receipted", before, said, lin, follower_id, account.id)
        observe(session, [fact], registry=stage.house.registry, retention={account.id: account.retention}, now=now)
    row = stage.rows(broadcast)[0]
    assert row.state == "delivered"
    assert links(row) == (None, None, None)


def test_what_is_on_the_wire_when_the_person_leaves_is_recorded_without_him(stage, make_account):
    account = make_account(**FAST, client_msg_id_trusted=True)
    (lin,) = stage.people(account, 1)
    broadcast = stage.sent(account)
    stage.platform.before = lambda _: unfollow(stage, account, lin)
    stage.platform.answer = lambda _: Unanswered("lost")
    stage.drain(broadcast, account)
    row = stage.rows(broadcast)[0]
    assert (row.state, *links(row)) == ("unknown", None, None, None)
    stage.platform.before = None
    stage.house.clock.advance(timedelta(minutes=1))
    assert stage.sweep().drains == 0
    assert stage.drain(broadcast, account).claimed == 0


def test_what_wechat_throttles_while_the_person_leaves_is_never_tried_again(stage, make_account):
    account = make_account(**FAST)
    lin, _ = stage.people(account, 2)
    broadcast = stage.sent(account)
    stage.platform.before = lambda _: unfollow(stage, account, lin)
    stage.platform.answer = lambda _: refusal(45009)
    stage.drain(broadcast, account)
    left, waits = stage.rows(broadcast)
    assert (left.state, left.left_out_why, *links(left)) == ("left_out", "erased", None, None, None)
    assert (waits.state, waits.openid is not None) == ("pending", True)
    Pace(stage.house.redis, stage.house.settings.redis_prefix).unpark(account.id)
    stage.platform.before = stage.platform.answer = None
    stage.drain(broadcast, account)
    assert None not in stage.platform.openids
    assert stage.counts(broadcast) == {"left_out": 1, "sent": 1}


def test_a_chunk_put_back_while_the_person_leaves_leaves_him_out(stage, make_account):
    account = make_account(**FAST)
    (lin,) = stage.people(account, 1)
    broadcast = stage.sent(account)
    now = stage.house.clock.now()
    with work(stage.house.engine) as session:
        run = take_lane(session, broadcast.id, account.id, lanes=1, now=now)
        claimed = claim(session, run, number=10, after=0, now=now, retry_unknown=False)
    unfollow(stage, account, lin)
    with work(stage.house.engine) as session:
        release(session, run, claimed, now=now)
    (row,) = stage.rows(broadcast)
    assert (row.state, row.left_out_why, *links(row)) == ("left_out", "erased", None, None, None)


def test_a_message_frozen_after_he_came_back_stands(stage, make_account):
    account = make_account(**FAST)
    (lin,) = stage.people(account, 1)
    left_at = stage.house.clock.now() - timedelta(hours=2)
    with work(stage.house.engine) as session:
        session.execute(text("UPDATE follower SET state_at = :back"), {"back": left_at + timedelta(hours=1)})
    broadcast = stage.sent(account)
    unfollow(stage, account, lin, at=left_at)
    row = stage.rows(broadcast)[0]
    assert row.state == "pending"
    assert row.openid is not None
    assert stage.drain(broadcast, account).states == {"sent": 1}


def test_parked_receipts_forget_him_too(stage, make_account):
    account = make_account()
    (lin,) = stage.people(account, 1)
    with reading(stage.house.engine) as session:
        follower_id = session.scalars(select(Follower.id)).one()
    now = stage.house.clock.now()
    with work(stage.house.engine) as session:
        session.add(
            ParkedReceipt(account_id=account.id, msgid="1", follower_id=follower_id, outcome="delivered", occurred_at=now, parked_at=now)
        )
    unfollow(stage, account, lin)
    with reading(stage.house.engine) as session:
        assert session.scalars(select(ParkedReceipt.follower_id)).all() == [None]
