"""Status: every row by account, state and reason, in both languages, and it moves while the broadcast runs."""

from datetime import timedelta

import pytest

from app.core.errors import NotFoundError
from app.core.unit import reading, work
from app.wechat.errors import Unanswered
from jobs.broadcasts.missing import list_missing
from jobs.broadcasts.orders import pause
from jobs.broadcasts.status import status
from jobs.broadcasts.words import BROADCAST, DELIVERY, ERRORS, LEFT_OUT
from jobs.models import DeliveryState
from tests.support.broadcasts import refusal

FAST = {"per_second": 100_000, "per_minute": 1_000_000}


def test_every_state_has_words_in_both_languages():
    assert set(DELIVERY) == {state.value for state in DeliveryState}
    for table in (BROADCAST, DELIVERY, LEFT_OUT, ERRORS):
        for words in table.values():
            assert words.zh
            assert words.en
            assert any("\u4e00" <= sign <= "\u9fff" for sign in words.zh)
            assert words.en.isascii()


def test_counts_are_rows_by_account_and_reason(stage, make_account):
    first, second = make_account(name="旗舰店", **FAST), make_account(name="会员中心", **FAST)
    stage.people(first, 6)
    stage.people(second, 2)
    stage.people(first, 3, state="gone")
    broadcast = stage.sent(first, second)
    told = status(stage.house, broadcast.id)
    assert (told.state, told.total, told.counts["pending"], told.counts["left_out"]) == ("sending", 11, 8, 3)
    answers = iter([refusal(43004), refusal(43004), refusal(43019), Unanswered("lost"), None, None])
    stage.platform.answer = lambda _: next(answers)
    stage.drain(broadcast, first)
    told = status(stage.house, broadcast.id)
    assert told.state == "sending"
    lines = {(line.account_name, line.state, line.reason, line.code): line.number for line in told.lines}
    assert lines == {
        ("旗舰店", "failed", "recipient", 43004): 2,
        ("旗舰店", "failed", "recipient", 43019): 1,
        ("旗舰店", "unknown", "unanswered", None): 1,
        ("旗舰店", "sent", None, None): 2,
        ("会员中心", "pending", None, None): 2,
        (None, "left_out", "not_following", None): 3,
    }
    assert str(next(line for line in told.lines if line.state == "left_out").reason_words) == "未关注 / follows none of our accounts"
    stage.platform.answer = None
    stage.drain(broadcast, second)
    assert status(stage.house, broadcast.id).state == "finished"


def test_it_moves_while_it_runs(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 600)
    broadcast = stage.sent(account)
    seen = []
    stage.platform.before = lambda _: seen.append(status(stage.house, broadcast.id).counts)
    stage.drain(broadcast, account)
    assert [sum(counts.values()) for counts in seen] == [600, 600, 600]
    assert all(counts["sending"] for counts in seen)
    assert seen[-1]["sent"] >= 200


def test_what_holds_it_up_is_said(stage, make_account):
    account = make_account(name="旗舰店", **FAST)
    stage.people(account, 3)
    broadcast = stage.sent(account, quiet_from="22:00", quiet_to="08:00")
    stage.platform.answer = lambda _: refusal(45009)
    stage.drain(broadcast, account, run_s=0.2)
    notes = status(stage.house, broadcast.id).notes
    assert len(notes) == 1
    assert notes[0].zh.startswith("旗舰店: 今日额度用完")
    assert "45009" in notes[0].en
    stage.house.clock.advance(timedelta(hours=11))
    assert any("静默时段" in note.zh for note in status(stage.house, broadcast.id).notes)
    with work(stage.house.engine) as session:
        pause(session, broadcast.id, actor="mei", now=stage.house.clock.now())
    assert any("由人暂停" in note.zh for note in status(stage.house, broadcast.id).notes)


def test_an_empty_broadcast_is_finished_at_once(stage, make_account):
    broadcast = stage.sent(make_account())
    assert status(stage.house, broadcast.id).state == "finished"
    assert status(stage.house, broadcast.id).total == 0


def test_a_broadcast_that_is_not_there(stage):
    with pytest.raises(NotFoundError):
        status(stage.house, 1)


def test_who_did_not_get_it_is_listed_page_by_page_with_the_reason(stage, make_account):
    account = make_account(**FAST)
    stage.people(account, 5)
    stage.people(account, 2, state="gone")
    broadcast = stage.sent(account)
    answers = iter([refusal(43004), Unanswered("lost"), refusal(-1), None, None])
    stage.platform.answer = lambda _: next(answers)
    stage.drain(broadcast, account)
    with reading(stage.house.engine) as session:
        first = list_missing(session, broadcast.id, limit=3)
        rest = list_missing(session, broadcast.id, after=first[-1].cursor, limit=3)
        unknown = list_missing(session, broadcast.id, state=DeliveryState.UNKNOWN)
        assert list_missing(session, broadcast.id, after=rest[-1].cursor) == []
    told = [(missed.state, missed.reason, missed.code) for missed in first + rest]
    assert told == [
        ("failed", "recipient", 43004),
        ("unknown", "unanswered", None),
        ("unknown", "transient", -1),
        ("left_out", "not_following", None),
        ("left_out", "not_following", None),
    ]
    assert [missed.reason for missed in unknown] == ["unanswered", "transient"]
    assert all(missed.customer is not None and missed.reason_words for missed in first + rest)
    assert first[0].rid == "6745b3a2-1234"
