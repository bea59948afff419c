"""Draining: claimed before sent, recorded after, whatever the platform answers and wherever the process dies."""

import threading
import time
from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from redis.exceptions import ConnectionError as RedisAwayError
from sqlalchemy import select, text, update

from app.core.unit import reading, work
from app.wechat.errors import Unanswered, Unreached
from app.wechat.sender import stand_in
from jobs.broadcasts import drain as draining
from jobs.broadcasts import pump as pumping
from jobs.broadcasts.drain import drain
from jobs.broadcasts.lanes import LEASE
from jobs.broadcasts.orders import cancel, pause, resume
from jobs.broadcasts.pacing import Pace
from jobs.models import Broadcast, Delivery, Lane
from tests.support.broadcasts import Platform, refusal

FAST = {"per_second": 100_000, "per_minute": 1_000_000}


def pace(stage):
    return Pace(stage.house.redis, stage.house.settings.redis_prefix)


def test_every_row_is_sent_once(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 450)
    broadcast = stage.sent(account)
    report = stage.drain(broadcast, account)
    assert report.ended == "done"
    assert stage.counts(broadcast) == {"sent": 450}
    assert len(set(stage.platform.openids)) == len(stage.platform.calls) == 450
    rows = stage.rows(broadcast)
    assert all(row.msgid == str(10_000_000 + row.id) and row.attempts == 1 and row.first_attempt_at and row.sent_at for row in rows)
    assert len({call.payload["client_msg_id"] for call in stage.platform.calls}) == 450
    assert stage.platform.calls[0].payload["data"] == {"thing1": {"value": "您的积分即将到期"}, "time2": {"value": "2026年11月30日"}}
    assert stage.drain(broadcast, account).claimed == 0


def test_rows_are_committed_as_sending_before_the_first_call(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 300)
    broadcast = stage.sent(account)
    seen = []

    def look(requests):
        with reading(stage.house.engine) as session:
            query = select(Delivery.state, Delivery.next_at).where(Delivery.id.in_([request.tag for request in requests]))
            rows = session.execute(query).all()
        seen.append((len(requests), {row[0] for row in rows}, {row[1] for row in rows}))

    stage.platform.before = look
    stage.drain(broadcast, account)
    assert [number for number, _, _ in seen] == [200, 100]
    assert all(states == {"sending"} and leases == {stage.house.clock.now() + LEASE} for _, states, leases in seen)


@pytest.mark.parametrize(
    ("code", "state", "why"),
    [(43004, "failed", "recipient"), (43019, "failed", "recipient"), (47003, "failed", "payload"), (-1, "unknown", "transient")],
)
def test_what_an_answer_makes_of_a_row(stage, make_account, code, state, why):
    account = make_account(**FAST)
    stage.people(account, 3)
    broadcast = stage.sent(account)
    stage.platform.answer = lambda _: refusal(code)
    stage.drain(broadcast, account)
    rows = stage.rows(broadcast)
    assert {(row.state, row.error_code, row.error_why, row.msgid) for row in rows} == {(state, code, why, None)}
    assert {row.rid for row in rows} == {"6745b3a2-1234"}
    assert len(stage.platform.calls) == 3


@pytest.mark.parametrize(
    ("error", "why", "stops_s"),
    [
        (refusal(45011), "minute_quota", 60),
        (refusal(48001), "account_refused", 600),
        (refusal(40001), "unreached", 5),
        (Unreached("no way"), "unreached", 5),
    ],
)
def test_what_was_certainly_not_sent_goes_back_and_the_account_rests(stage, make_account, error, why, stops_s):
    account = make_account(**FAST)
    stage.people(account, 3)
    broadcast = stage.sent(account)
    stage.platform.answer = lambda _: error
    stage.drain(broadcast, account, run_s=0.5)
    rows = stage.rows(broadcast)
    assert {(row.state, row.first_attempt_at, row.lease_owner, row.next_at) for row in rows} == {("pending", None, None, None)}
    stop = pace(stage).parked([account.id])[account.id]
    assert stop.why == why
    assert stage.drain(broadcast, account, run_s=0.5).ended == "waiting"
    assert len(stage.platform.calls) == 3
    left = stage.house.redis.pttl(f"{stage.house.settings.redis_prefix}:pace:{account.id}:parked")
    assert stops_s * 1000 - 5000 < left <= stops_s * 1000
    pace(stage).unpark(account.id)
    stage.platform.answer = None
    stage.drain(broadcast, account)
    assert stage.counts(broadcast) == {"sent": 3}


def test_a_used_up_day_parks_one_account_and_the_others_go_on(stage, make_account):
    used_up, free = make_account(**FAST), make_account(**FAST)
    stage.people(used_up, 5)
    stage.people(free, 5)
    broadcast = stage.sent(used_up, free)
    stage.platform.answer = lambda call: refusal(45009) if call.account.id == used_up.id else None
    assert stage.drain(broadcast, used_up, run_s=0.3).claimed == 5
    assert stage.drain(broadcast, free).claimed == 5
    assert stage.counts(broadcast) == {"pending": 5, "sent": 5}
    stop = pace(stage).parked([used_up.id, free.id])
    assert set(stop) == {used_up.id}
    assert (stop[used_up.id].why, stop[used_up.id].code) == ("daily_quota", 45009)
    # Midnight in Shanghai by Redis' own clock.
    until = stop[used_up.id].until
    assert (until.hour, until.minute, until.second) == (16, 0, 0)
    assert stage.sweep().drains == 0


def test_no_answer_is_repeated_with_the_same_id_where_it_is_trusted(stage, make_account):
    account = make_account(**FAST, client_msg_id_trusted=True)
    stage.people(account, 4)
    broadcast = stage.sent(account)
    stage.platform.answer = lambda _: Unanswered("lost")
    stage.drain(broadcast, account)
    assert stage.counts(broadcast) == {"unknown": 4}
    stage.platform.answer = None
    assert stage.drain(broadcast, account).claimed == 0
    stage.house.clock.advance(timedelta(seconds=6))
    assert stage.sweep().drains == 1
    stage.drain(broadcast, account)
    assert stage.counts(broadcast) == {"sent": 4}
    ids = Counter(call.payload["client_msg_id"] for call in stage.platform.calls)
    assert sorted(ids.values()) == [2, 2, 2, 2]
    assert {row.attempts for row in stage.rows(broadcast)} == {2}


def test_no_answer_is_never_repeated_where_the_id_is_not_trusted(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 4)
    broadcast = stage.sent(account)
    stage.platform.answer = lambda _: Unanswered("lost")
    stage.drain(broadcast, account)
    stage.platform.answer = None
    for _ in range(30):
        stage.house.clock.advance(timedelta(minutes=1))
        stage.sweep()
        stage.drain(broadcast, account)
    assert len(stage.platform.calls) == 4
    assert stage.counts(broadcast) == {"unknown": 4}
    stage.house.clock.advance(timedelta(hours=24))
    assert stage.sweep().undecided == 4
    assert stage.counts(broadcast) == {"undecided": 4}
    stage.drain(broadcast, account)
    assert len(stage.platform.calls) == 4


def test_repeats_end_nine_minutes_after_the_first_attempt(stage, make_account):
    account = make_account(**FAST, client_msg_id_trusted=True)
    stage.people(account, 1)
    broadcast = stage.sent(account)
    stage.platform.answer = lambda _: Unanswered("lost")
    began = stage.house.clock.now()
    tries = []
    while stage.house.clock.now() < began + timedelta(minutes=20):
        before = len(stage.platform.calls)
        stage.drain(broadcast, account)
        if len(stage.platform.calls) > before:
            tries.append(stage.house.clock.now() - began)
        stage.house.clock.advance(timedelta(seconds=30))
    assert len(tries) == 18
    assert max(tries) < timedelta(minutes=9)
    assert stage.counts(broadcast) == {"unknown": 1}
    assert stage.sweep().drains == 0


@pytest.mark.parametrize("code", [43004, 45011, 47003, 48001])
def test_a_refusal_after_silence_proves_nothing(stage, make_account, code):
    """The first attempt may have arrived, so a later refusal leaves the row unknown for the receipt to settle."""
    account = make_account(**FAST, client_msg_id_trusted=True)
    stage.people(account, 1)
    broadcast = stage.sent(account)
    stage.platform.answer = lambda _: Unanswered("lost")
    stage.drain(broadcast, account)
    stage.house.clock.advance(timedelta(seconds=6))
    stage.platform.answer = lambda _: refusal(code)
    stage.drain(broadcast, account, run_s=0.3)
    row = stage.rows(broadcast)[0]
    assert (row.state, row.error_code, row.attempts, row.doubtful) == ("unknown", code, 2, True)


class Killed(BaseException):
    """The process is gone: nothing after this line runs in real life, and nothing after it is relied on here."""


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_around_the_call(stage, make_account, monkeypatch, moment, trusted):
    """Between claim and call, or between call and record: the rows may have been sent, so they become unknown when the lease runs out."""
    account = make_account(**FAST, client_msg_id_trusted=trusted)
    stage.people(account, 30)
    broadcast = stage.sent(account)

    def die(_):
        raise Killed

    # A killed process gives no lane back and puts nothing right.
    monkeypatch.setattr(draining, "leave_lane", lambda *_, **__: None)
    monkeypatch.setattr(pumping, "_put_back", lambda *_: None)
    setattr(stage.platform, moment, die)
    with pytest.raises(Killed):
        stage.drain(broadcast, account)
    monkeypatch.undo()
    stage.platform.before = stage.platform.after = None
    reached = len(stage.platform.calls)
    assert reached == (0 if moment == "before" else 30)
    assert stage.counts(broadcast) == {"sending": 30}
    assert stage.drain(broadcast, account).ended == "no_lane"
    assert stage.sweep().expired == 0
    stage.house.clock.advance(LEASE + timedelta(seconds=1))
    swept = stage.sweep()
    assert swept.expired == 30
    assert stage.counts(broadcast) == {"unknown": 30}
    assert {row.error_why for row in stage.rows(broadcast)} == {"lease"}
    assert swept.drains == (1 if trusted else 0)
    stage.drain(broadcast, account)
    if trusted:
        assert stage.counts(broadcast) == {"sent": 30}
        assert set(Counter(call.payload["client_msg_id"] for call in stage.platform.calls).values()) == {1 if moment == "before" else 2}
    else:
        assert stage.counts(broadcast) == {"unknown": 30}
        assert len(stage.platform.calls) == reached


def test_rows_never_claimed_stay_pending_through_a_kill(stage, make_account, monkeypatch):
    account = make_account(**FAST)
    stage.people(account, 900)
    broadcast = stage.sent(account)
    monkeypatch.setattr(draining, "leave_lane", lambda *_, **__: None)
    monkeypatch.setattr(pumping, "_put_back", lambda *_: None)

    def die(_):
        raise Killed

    stage.platform.after = die
    with pytest.raises(Killed):
        stage.drain(broadcast, account)
    # Two chunks at most are in hand: one on the wire, one claimed while it was there.
    counts = stage.counts(broadcast)
    assert counts["sending"] in {200, 400}
    assert counts["sending"] + counts["pending"] == 900


def test_a_sender_that_fails_gives_the_lane_back_and_the_chunk_not_yet_sent(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 500)
    broadcast = stage.sent(account)

    def fail(_):
        raise RuntimeError("no sender")

    stage.platform.before = fail
    with pytest.raises(RuntimeError, match="no sender"):
        stage.drain(broadcast, account)
    assert stage.counts(broadcast) == {"sending": 200, "pending": 300}
    stage.platform.before = None
    assert stage.drain(broadcast, account).claimed == 300
    assert stage.counts(broadcast) == {"sending": 200, "sent": 300}


def test_a_drain_given_up_for_dead_cannot_overwrite_its_successor(stage, make_account, monkeypatch):
    """It wakes up after its lease, with an answer to an attempt that somebody has repeated meanwhile."""
    account = make_account(**FAST, client_msg_id_trusted=True)
    stage.people(account, 10)
    broadcast = stage.sent(account)
    zombie, sleeping, awake, idle = Platform(), threading.Event(), threading.Event(), threading.Event()
    turn = pumping._turn

    def tell_when_idle(held, done, **wishes):
        chunk = turn(held, done, **wishes)
        if held.over:
            idle.set()
        return chunk

    monkeypatch.setattr(pumping, "_turn", tell_when_idle)
    zombie.answer = lambda _: refusal(43004)

    def oversleep(_):
        sleeping.set()
        assert awake.wait(20)

    zombie.after = oversleep
    thread = threading.Thread(target=lambda: stage.drain(broadcast, account, sender=zombie, run_s=1))
    thread.start()
    assert sleeping.wait(20)
    assert idle.wait(20)
    stage.house.clock.advance(LEASE + timedelta(seconds=1))
    assert stage.sweep().expired == 10
    stage.drain(broadcast, account)
    assert stage.counts(broadcast) == {"sent": 10}
    awake.set()
    thread.join()
    assert stage.counts(broadcast) == {"sent": 10}
    assert {row.attempts for row in stage.rows(broadcast)} == {2}


def test_a_chunk_that_waited_behind_a_slow_one_is_sent_only_if_it_is_still_ours(stage, make_account, monkeypatch):
    account = make_account(**FAST, client_msg_id_trusted=True)
    stage.people(account, 400)
    broadcast = stage.sent(account)
    monkeypatch.setattr(pumping, "RENEW_AFTER_S", 0)
    leases, taken = [], []

    def slow(requests):
        with reading(stage.house.engine) as session:
            query = select(Delivery.next_at).where(Delivery.id.in_([request.tag for request in requests])).distinct()
            leases.extend(session.scalars(query))
        if not taken:
            stage.house.clock.advance(LEASE / 2)
            # Somebody else holds ten rows of the chunk that waits.
            with work(stage.house.engine) as session:
                waiting = select(Delivery.id).where(Delivery.state.in_(["pending", "sending"]), Delivery.id > requests[-1].tag)
                taken.extend(session.scalars(waiting.order_by(Delivery.id).limit(10)))
                session.execute(update(Delivery).where(Delivery.id.in_(taken)).values(state="unknown", lease_owner=uuid4()))

    stage.platform.before = slow
    began = stage.house.clock.now()
    stage.drain(broadcast, account)
    assert not {call.tag for call in stage.platform.calls} & set(taken)
    assert leases == [began + LEASE, began + LEASE / 2 + LEASE]
    assert stage.counts(broadcast) == {"sent": 390, "unknown": 10}


def test_without_redis_nothing_is_sent_and_no_answer_is_lost(stage, make_account, monkeypatch):
    account = make_account(**FAST)
    stage.people(account, 500)
    broadcast = stage.sent(account)

    def gone(*_, **__):
        raise RedisAwayError("redis is away")

    def fall(_):
        for call in ("take", "give_back", "park"):
            monkeypatch.setattr(Pace, call, gone)

    stage.platform.after = fall
    stage.platform.answer = lambda call: refusal(45011) if call.tag % 2 else None
    report = stage.drain(broadcast, account)
    assert report.ended == "waiting"
    assert report.states["sent"] in {100, 200}
    assert stage.counts(broadcast) == {"sent": report.states["sent"], "pending": 500 - report.states["sent"]}
    assert stage.drain(broadcast, account).claimed == 0
    monkeypatch.undo()
    stage.platform.after = stage.platform.answer = None
    stage.drain(broadcast, account)
    assert stage.counts(broadcast) == {"sent": 500}


def test_a_late_answer_to_an_attempt_nobody_repeated_is_still_the_truth(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 10)
    broadcast = stage.sent(account)

    def oversleep(_):
        stage.house.clock.advance(LEASE + timedelta(seconds=1))
        assert stage.sweep().expired == 10
        assert stage.counts(broadcast) == {"unknown": 10}

    stage.platform.after = oversleep
    stage.drain(broadcast, account)
    assert stage.counts(broadcast) == {"sent": 10}


@pytest.mark.parametrize(("order", "ended"), [(pause, "paused"), (cancel, "cancelled")])
def test_pause_and_cancel_take_effect_at_the_next_claim(stage, make_account, order, ended):
    account = make_account(**FAST)
    stage.people(account, 1000)
    broadcast = stage.sent(account)

    def stop(_):
        stage.platform.after = None
        with work(stage.house.engine) as session:
            order(session, broadcast.id, actor="mei", now=stage.house.clock.now())

    stage.platform.after = stop
    report = stage.drain(broadcast, account)
    # A claim that runs beside the cancellation may find its rows taken away before it sees why.
    assert report.ended in {"stopped", "done" if ended == "cancelled" else "stopped"}
    # The chunk on the wire and what was claimed before the order was committed; nothing after that.
    assert len(stage.platform.calls) == report.claimed
    assert 200 <= report.claimed <= 400
    left = "pending" if ended == "paused" else "left_out"
    assert stage.counts(broadcast) == {"sent": report.claimed, left: 1000 - report.claimed}
    assert stage.drain(broadcast, account).claimed == 0
    assert stage.sweep().drains == 0
    if ended == "paused":
        with work(stage.house.engine) as session:
            resume(session, broadcast.id, actor="mei", now=stage.house.clock.now())
        assert stage.sweep().drains == 1
        stage.drain(broadcast, account)
        assert stage.counts(broadcast) == {"sent": 1000}


def test_what_a_cancelled_broadcast_gets_back_is_left_out(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 5)
    broadcast = stage.sent(account)

    def stop(_):
        with work(stage.house.engine) as session:
            cancel(session, broadcast.id, actor="mei", now=stage.house.clock.now())

    stage.platform.before = stop
    stage.platform.answer = lambda _: refusal(45011)
    stage.drain(broadcast, account, run_s=0.3)
    assert stage.counts(broadcast) == {"pending": 5}
    assert stage.sweep().cleared == 5
    assert {(row.state, row.left_out_why) for row in stage.rows(broadcast)} == {("left_out", "cancelled")}


def test_two_drains_share_the_rows_without_sending_one_twice(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 3000)
    broadcast = stage.sent(account, lanes=2)
    senders = [Platform(), Platform()]
    ready, meet = threading.Barrier(2), threading.Barrier(2)
    for sender in senders:
        sender.after = lambda _, sender=sender: (meet.wait(20), setattr(sender, "after", None))

    def run(sender):
        ready.wait()
        stage.drain(broadcast, account, sender=sender)

    threads = [threading.Thread(target=run, args=(sender,)) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(sender.calls for sender in senders)
    openids = [openid for sender in senders for openid in sender.openids]
    assert len(openids) == len(set(openids)) == 3000
    assert stage.counts(broadcast) == {"sent": 3000}


def test_one_lane_lets_one_drain_in(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 10)
    broadcast = stage.sent(account)
    inside = []
    stage.platform.before = lambda _: inside.append(stage.drain(broadcast, account, sender=Platform()).ended)
    stage.drain(broadcast, account)
    assert inside == ["no_lane"]


def test_two_broadcasts_on_one_account_and_one_on_two(stage, make_account):
    first, second = make_account(**FAST), make_account(**FAST)
    stage.people(first, 20)
    stage.people(second, 20)
    both, single = stage.sent(first, second), stage.sent(first, segment=stage.only(first))
    for broadcast, account in [(single, first), (both, second), (both, first)]:
        stage.drain(broadcast, account)
    assert stage.counts(both) == {"sent": 40}
    assert stage.counts(single) == {"sent": 20}
    assert max(Counter(stage.platform.openids).values()) == 2


def test_a_drain_stops_by_itself_and_leaves_the_next_job(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 600)
    broadcast = stage.sent(account)
    stage.woken()
    stage.platform.before = lambda _: time.sleep(0.05)
    with stand_in(stage.platform), pytest.MonkeyPatch.context() as patch:
        patch.setattr(draining.drain_account, "__kwdefaults__", {"run_s": 0.02})
        drain(broadcast.id, account.id)
    assert stage.counts(broadcast)["pending"] > 0
    assert stage.woken() == [("jobs.broadcasts.drain.drain", (broadcast.id, account.id))]
    with reading(stage.house.engine) as session:
        assert session.scalars(select(Lane.lease_until)).one() <= stage.house.clock.now()


def test_a_finished_drain_leaves_no_job(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 6)
    broadcast = stage.sent(account)
    stage.woken()
    with stand_in(stage.platform):
        drain(broadcast.id, account.id)
    assert stage.counts(broadcast) == {"sent": 6}
    assert stage.woken() == []


def test_nobody_is_sent_anything_in_quiet_hours(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 600)
    broadcast = stage.sent(account, quiet_from="13:00", quiet_to="14:00")

    def dusk(_):
        stage.house.clock.advance(timedelta(hours=1))
        stage.platform.after = None

    stage.platform.after = dusk
    report = stage.drain(broadcast, account)
    assert report.ended == "quiet"
    assert report.claimed in {200, 400}
    assert stage.counts(broadcast) == {"sent": report.claimed, "pending": 600 - report.claimed}
    assert stage.sweep().drains == 0
    stage.house.clock.advance(timedelta(hours=1))
    assert stage.sweep().drains == 1
    stage.drain(broadcast, account)
    assert stage.counts(broadcast) == {"sent": 600}


def test_content_that_wechat_refuses_again_and_again_pauses_the_broadcast(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 1000)
    broadcast = stage.sent(account)
    stage.platform.answer = lambda _: refusal(40037)
    stage.drain(broadcast, account)
    tried = len(stage.platform.calls)
    assert tried in {200, 400}
    assert stage.counts(broadcast) == {"failed": tried, "pending": 1000 - tried}
    with reading(stage.house.engine) as session:
        found = session.get_one(Broadcast, broadcast.id)
    assert found.paused_at is not None
    assert found.paused_why == "bad_payload"


def test_some_bad_payloads_among_good_ones_do_not_pause(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 1000)
    broadcast = stage.sent(account)
    stage.platform.answer = lambda call: refusal(47003) if call.tag % 3 else None
    assert stage.drain(broadcast, account).ended == "done"
    assert sum(stage.counts(broadcast).values()) == 1000
    assert set(stage.counts(broadcast)) == {"sent", "failed"}


def test_answers_survive_a_database_that_is_away_for_a_moment(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 400)
    broadcast = stage.sent(account)
    kills = iter(range(2))

    def restart(_):
        if next(kills, None) is not None:
            with stage.house.engine.connect() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'fanka'"
                    )
                )

    stage.platform.after = restart
    stage.drain(broadcast, account)
    counts = stage.counts(broadcast)
    assert counts == {"sent": 400}
    assert len(set(stage.platform.openids)) == len(stage.platform.calls) == 400


def test_answers_the_sender_forgot_are_unknown(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 3)
    broadcast = stage.sent(account)
    stage.platform.after = lambda answers: answers.pop()
    stage.drain(broadcast, account)
    assert stage.counts(broadcast) == {"sent": 2, "unknown": 1}


def test_an_account_without_a_part_or_a_broadcast_that_is_not_there_is_no_error(stage, make_account):
    account, stranger = make_account(), make_account()
    stage.people(account, 1)
    broadcast = stage.sent(account)
    assert stage.drain(broadcast, stranger).ended == "no_lane"
    broadcast.id += 1000
    assert stage.drain(broadcast, account).ended == "no_lane"
