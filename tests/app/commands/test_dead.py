"""Dead letters at a terminal: listed without their words, replayed one by one or all."""

import pytest

from app.core.facts import FactDraft, count_kinds
from app.core.inbox import Entry, RawEntry
from app.core.unit import reading, work
from jobs.dead import bury, replay_all
from tests.support.cast import LIN


@pytest.fixture
def buried(house, make_account):
    """Two letters: one that can be recorded by now, one of an account nobody has."""
    account, now = make_account(), house.clock.now()

    def entry(key, appid):
        draft = FactDraft("message.received", {"type": "text", "text": "my words"})
        return Entry(key, appid, LIN.openid, "text", "", now, now, (draft,))

    with work(house.engine) as session:
        for number, appid in enumerate([account.appid, "wxgone000"]):
            raw = RawEntry(f"{number + 1}-0", entry(f"{number}" * 64, appid).pack())
            bury(session, raw, ring=house.ring, reason="UnknownAccountError", now=now)
    return account


def test_letters_are_listed_without_their_words(buried, doc, fanka):
    first = doc("dead", "list", "--limit", "1")
    assert [(each["id"], each["reason"], each["replays"]) for each in first["dead"]] == [("1-0", "UnknownAccountError", 0)]
    assert [each["id"] for each in doc("dead", "list", "--after", first["next"])["dead"]] == ["2-0"]
    assert "my words" not in fanka("dead", "list").out + str(first)


def test_one_letter_is_replayed(buried, house, doc):
    assert doc("dead", "replay", "1-0") == {"recorded": 1, "failed": 0}
    with reading(house.engine) as session:
        assert count_kinds(session)["message.received"] == 1
    assert [each["id"] for each in doc("dead", "list")["dead"]] == ["2-0"]
    assert [each["id"] for each in doc("dead", "list", "--replayed")["dead"]] == ["1-0", "2-0"]


def test_what_still_fails_stays_and_says_so(buried, fanka):
    answer = fanka("dead", "replay", "--all", json=True)
    assert answer.code == 1
    assert answer.json["error"]["code"] == "still_dead"
    assert [each["id"] for each in fanka("dead", "list", json=True).json["dead"]] == ["2-0"]


def test_all_means_all_however_many_there_are(buried, house):
    assert replay_all(house, page=1) == (1, 1)


def test_one_or_all_must_be_named(fanka, house):
    assert fanka("dead", "replay").code == 1
    assert fanka("dead", "replay", "1-0", "--all").code == 1
    assert fanka("dead", "replay", "9-9").code == 1
