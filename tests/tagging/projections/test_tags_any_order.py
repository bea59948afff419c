"""The same facts give the same tags, evidence, touches and counts, whatever their order and however they are batched."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.core.unit import reading
from tests.support.cast import Person
from tests.support.stories import hear, said
from tests.tagging.steps import channel, rule, tags

PEOPLE = 2
_runs = itertools.count(1)

KEYS = st.sampled_from(["a", "b", "c"])
DEEDS = st.one_of(
    st.tuples(st.just("menu.clicked"), KEYS),
    st.tuples(st.just("menu.clicked"), KEYS),
    st.tuples(st.just("keyword.matched"), st.just("tea")),
    st.tuples(st.just("qr.scanned"), st.sampled_from(["s1", "s2", "strange"])),
    st.tuples(st.just("order.placed"), st.sampled_from(["pos", "shop"])),
    st.tuples(st.just("menu.viewed"), st.just("https://shop.example/new")),
    st.tuples(st.just("follower.unfollowed"), st.just("")),
)
FIELDS = {"menu.clicked": "key", "keyword.matched": "keyword", "qr.scanned": "scene", "order.placed": "source", "menu.viewed": "url"}
STORY = st.lists(st.tuples(st.integers(0, PEOPLE - 1), st.integers(0, 60), DEEDS), min_size=1, max_size=14)


@pytest.fixture
def ground(house, make_account):
    """Rules of every temper: fading, expiring, exclusive, counting on all facts and on some."""
    erasing, keeping = make_account(), make_account(retention="keep")
    tags(house, "clicker", "fan", "busy", "expiring", "poster", "buyer", "reader")
    tags(house, "A", "B", "C", exclusive=True)
    rule(house, "clicker", "menu_key", {"keys": ["a", "b", "c"]}, half_life_s=7, weight=2.5)
    rule(house, "expiring", "keyword", {"keywords": ["tea"]}, expires_after_s=100_000)
    rule(house, "buyer", "purchase", {"sources": ["pos"]}, half_life_s=9)
    rule(house, "reader", "article", {"urls": ["https://shop.example/"]})
    rule(house, "A", "menu_key", {"keys": ["a"]}, position=2)
    rule(house, "B", "menu_key", {"keys": ["b"]}, position=1)
    rule(house, "C", "count_in_window", {"kind": "menu.clicked", "at_least": 2, "within_s": 5}, position=3)
    rule(house, "fan", "count_in_window", {"kind": "menu.clicked", "match": {"key": "a"}, "at_least": 3, "within_s": 20}, half_life_s=30)
    rule(house, "busy", "count_in_window", {"kind": "menu.clicked", "at_least": 3, "within_s": 10}, account_id=keeping.id)
    for account in (erasing, keeping):
        channel(house, account, "s1", "poster", retired_s=20)
        channel(house, account, "s2")
        channel(house, account, "s1", created_s=30)
    return erasing, keeping


def told(house, account, story):
    """The story as entries of people nobody saw before; two tellings differ in nothing but who they are about."""
    run = next(_runs)
    people = [Person(f"P{number}", f"o{account.id}r{run}p{number}", "", "") for number in range(PEOPLE)]
    entries = []
    for number, (who, at_s, (kind, word)) in enumerate(story):
        field = FIELDS.get(kind)
        data = {field: word} if field else {}
        entries.append(said(house, account, kind, at_s, who=people[who], entry_key=f"{run:08x}{number:056x}", **data))
    return people, entries


OUTCOME = {
    "tags": """SELECT tag.name, ct.expires_at FROM customer_tag ct JOIN tag ON tag.id = ct.tag_id
        WHERE ct.customer_id = (SELECT customer_id FROM follower WHERE id = :id) ORDER BY 1""",
    "evidence": """SELECT tag.name, source, substr(first_key, 9) AS first_key, first_at, substr(last_key, 9) AS last_key, last_at, weight,
        half_life_s, expires_at, hits FROM tag_evidence JOIN tag ON tag.id = tag_id WHERE follower_id = :id ORDER BY tag.name, source""",
    "touch": """SELECT first_channel_id, first_at, substr(first_key, 9) AS first_key, last_channel_id, last_at, substr(last_key, 9) AS last_key
        FROM touch WHERE follower_id = :id""",
    "visits": "SELECT channel_id, first_at, last_at, visits FROM channel_visit WHERE follower_id = :id ORDER BY 1",
}


def outcome(house, account, people):
    """All that is known about these people, with nothing in it that tells two tellings apart."""
    found = []
    with reading(house.engine) as session:
        for person in people:
            query = text("SELECT id FROM follower WHERE openid_digest = encode(sha256(convert_to(:who, 'UTF8')), 'hex')")
            follower_id = session.scalar(query, {"who": f"{account.appid}:{person.openid}"})
            known = {
                name: [dict(row) for row in session.execute(text(sql), {"id": follower_id}).mappings()] for name, sql in OUTCOME.items()
            }
            for row in known["evidence"]:
                row["weight"] = pytest.approx(row["weight"], rel=1e-9)
            found.append(known)
    return found


def days(house):
    with reading(house.engine) as session:
        rows = session.execute(text("SELECT channel_id, day, scans, follows FROM channel_day"))
        return {(row.channel_id, row.day): (row.scans, row.follows) for row in rows}


def grown(before, after):
    return {key: (scans - before.get(key, (0, 0))[0], follows - before.get(key, (0, 0))[1]) for key, (scans, follows) in after.items()}


@given(story=STORY, data=st.data(), erases=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_order_and_batching_change_nothing(house, ground, story, data, erases):
    account = ground[0] if erases else ground[1]
    order = data.draw(st.permutations(range(len(story))), label="order")
    batch = data.draw(st.integers(1, 6), label="batch")
    people, entries = told(house, account, story)
    before = days(house)
    hear(house, *sorted(entries, key=lambda entry: entry.occurred_at), batch=1)
    between = days(house)
    others, again = told(house, account, story)
    hear(house, *[again[number] for number in order], batch=batch)
    assert outcome(house, account, others) == outcome(house, account, people)
    assert {key: count for key, count in grown(between, days(house)).items() if count != (0, 0)} == {
        key: count for key, count in grown(before, between).items() if count != (0, 0)
    }


def test_the_story_reaches_every_rule(house, ground):
    """The property above would be empty if the rules gave nothing: one full story gives every tag."""
    _, keeping = ground
    story = [(0, at_s, ("menu.clicked", "a")) for at_s in (1, 2, 3)]
    story += [(0, 4, ("keyword.matched", "tea")), (0, 5, ("qr.scanned", "s1")), (0, 40, ("qr.scanned", "s1"))]
    story += [(0, 6, ("order.placed", "pos")), (0, 7, ("menu.viewed", "https://shop.example/new"))]
    people, entries = told(house, keeping, story)
    hear(house, *entries)
    known = outcome(house, keeping, people)[0]
    everywhere = {"clicker", "fan", "busy", "expiring", "poster", "buyer", "reader", "A"}
    assert {row["name"] for row in known["evidence"]} == {*everywhere, "C"}
    assert {row["name"] for row in known["tags"]} == everywhere
    assert len(known["visits"]) == 2
    touch = known["touch"][0]
    assert touch["first_channel_id"] != touch["last_channel_id"]
    assert touch["last_at"] - touch["first_at"] == timedelta(seconds=35)
