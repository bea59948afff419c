"""The log read back: what counts as told, what nobody knows, and what followers there were when they were listed."""

import json

import pytest

from demo.expected import expect
from demo.found import Account, Definitions, FoundFact, ReplyRule, digest
from demo.truth import by_sameness, read_truth

APPID = "wx1"
DEFINITIONS = Definitions(
    {APPID: Account(1, APPID, "shop", "service", erases=True, priority=100)},
    [ReplyRule(1, None, "keyword", "exact", "同意", "consent.granted", "v1", 100)],
    [],
    {},
    {},
    [],
)


@pytest.fixture
def log(tmp_path):
    """`log(records...)` writes a log and reads it back."""
    path = tmp_path / "truth.log"

    def write(*records, tail=""):
        lines = [json.dumps({"n": number, "at": 0, **record}) + "\n" for number, record in enumerate(records, start=1)]
        path.write_text("".join(lines) + tail)
        return read_truth(path)

    return write


def act(event, second=100, openid="oLin", **fields):
    kind = {"MsgType": "event", "Event": "CLICK", "EventKey": "SALE", **fields}
    return {
        "type": "act", "do": "x", "event": event, "appid": APPID, "openid": openid, "person": openid[1:],
        "fields": {"CreateTime": second, "FromUserName": openid, **kind},
    }  # fmt: skip


def follow(event, second=100, openid="oLin"):
    return act(event, second, openid, Event="subscribe", EventKey="")


def leave(event, second=100, openid="oLin"):
    return act(event, second, openid, Event="unsubscribe", EventKey="")


def tried(event):
    return {"type": "callback", "event": event, "try": 1}


def answered(event, status=200):
    return {"type": "answer", "event": event, "try": 1, "status": status, "done": True}


def heard(record):
    return record, tried(record["event"]), answered(record["event"])


@pytest.mark.parametrize(
    ("answers", "is_heard", "is_doubtful"),
    [
        ([], False, True),
        ([200], True, False),
        ([0], False, True),
        ([503], False, True),
        ([403], False, False),
        ([0, 200], True, False),
        ([200, 0], True, False),
        ([403, 0], False, True),
        ([0, 403], False, True),
        ([403, 403], False, False),
    ],
)
def test_what_an_answer_says_of_an_event(log, answers, is_heard, is_doubtful):
    tries = [record for status in answers for record in (tried(1), answered(1, status))]
    event = log(act(1), *(tries or [tried(1)])).events[1]
    assert event.heard is is_heard
    assert event.doubtful is is_doubtful


def test_an_event_that_never_went_out_is_not_told(log):
    assert log(act(1)).told() == []


def test_the_same_fields_are_one_event(log):
    truth = log(*heard(act(1)), *heard(act(2)), *heard(act(3, second=101)))
    assert [event.number for event in by_sameness(truth.told())] == [1, 3]


def test_a_reset_begins_anew_and_a_torn_line_is_not_there_yet(log):
    truth = log(*heard(act(1)), {"type": "control", "do": "reset"}, *heard(act(2)), tail='{"n": 9, "type": "a')
    assert list(truth.events) == [2]


def test_who_follows_when_the_list_is_read_is_imported(log):
    listed = {"type": "call", "path": "/cgi-bin/user/get", "appid": APPID, "errcode": 0}
    truth = log(follow(1), follow(2, openid="oSun"), leave(3, openid="oSun"), listed, follow(4, openid="oLate"))
    assert truth.imported == {(APPID, "oLin")}


def found_fact(event_second, kind="menu.clicked", data=None, who="oLin"):
    return FoundFact(APPID, digest(APPID, who), kind, event_second, data or {"key": "SALE"})


def test_a_doubtful_event_may_be_there_or_not(log):
    truth = log(*heard(act(1)), act(2, second=105), tried(2))
    assert expect(truth, DEFINITIONS, [found_fact(100)]).inbound == 1
    assert expect(truth, DEFINITIONS, [found_fact(100), found_fact(105)]).inbound == 2


def test_erasure_blanks_up_to_the_second_of_leaving(log):
    truth = log(*heard(follow(1, 100)), *heard(act(2, 101)), *heard(leave(3, 102)), *heard(follow(4, 104)), *heard(act(5, 105)))
    expected = expect(truth, DEFINITIONS, [])
    blank = {key[3] for key in expected.facts if key[1] is None}
    assert blank == {100, 101, 102}
    (person,) = expected.people.values()
    assert (person.state, person.erased_s, [fact.second for fact in person.facts]) == ("following", 102, [104, 105])


def test_disorder_changes_nothing(log):
    late = log(*heard(follow(4, 104)), *heard(leave(3, 102)), *heard(act(5, 105)), *heard(act(2, 101)), *heard(follow(1, 100)))
    orderly = log(*heard(follow(1, 100)), *heard(act(2, 101)), *heard(leave(3, 102)), *heard(follow(4, 104)), *heard(act(5, 105)))
    assert expect(late, DEFINITIONS, []).facts == expect(orderly, DEFINITIONS, []).facts
