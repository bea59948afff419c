"""Tags by hand: given, taken, barred for the past, done for a whole segment, and explained."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.nouns import AuditEntry, Customer
from app.core.unit import reading, work
from tagging.hand import CHUNK
from tagging.segments import parse_tree
from tagging.tags import (
    access_tag,
    define_group,
    define_rule,
    define_tag,
    find_tag,
    switch_rule,
    tag_customers,
    tag_segment,
    tags_of,
    untag_customers,
    why_tagged,
)
from tests.tagging.steps import channel, customers, evidence, fact, held, moment, removals, rule, tags, tell


@pytest.fixture
def account(make_account):
    return make_account()


@pytest.fixture
def lin(house, account):
    return customers(house, account, 1)[0]


def give(house, name, *customer_ids, at_s=0, **more):
    with work(house.engine) as session:
        return tag_customers(session, find_tag(session, name), customer_ids=customer_ids, actor="Mei", now=moment(house, at_s), **more)


def take(house, name, *customer_ids, at_s=0):
    with work(house.engine) as session:
        return untag_customers(session, find_tag(session, name), customer_ids=customer_ids, actor="Mei", now=moment(house, at_s))


def test_a_tag_given_by_hand_names_who_gave_it(house, lin):
    tags(house, "loved")
    assert give(house, "loved", lin[0]) == 1
    assert held(house, lin[0]) == {"loved"}
    (row,) = evidence(house, [lin[0]])
    assert (row["source"], row["follower_id"], row["last_key"]) == ("hand", 0, "hand:Mei")


def test_nobody_tags_without_a_name_or_into_the_past(house, lin, session):
    tags(house, "loved")
    tag = find_tag(session, "loved")
    for wrong in ({"actor": ""}, {"actor": "Mei", "expires_at": house.clock.now()}):
        with pytest.raises(BadRequestError):
            tag_customers(session, tag, customer_ids=[lin[0]], now=house.clock.now(), **wrong)


def test_the_erased_and_the_joined_are_not_tagged(house, account):
    tags(house, "loved")
    people = [who for who, _ in customers(house, account, 3)]
    with work(house.engine) as session:
        session.execute(update(Customer).where(Customer.id == people[0]).values(erased_at=house.clock.now()))
        session.execute(update(Customer).where(Customer.id == people[1]).values(joined_into_id=people[2]))
    assert give(house, "loved", *people) == 1
    assert [held(house, each) for each in people] == [set(), set(), {"loved"}]


def test_taken_off_it_stays_off_for_everything_older(house, account, lin):
    tags(house, "clicker")
    rule(house, "clicker", "menu_key", {"keys": ["a"]})
    tell(house, fact(house, lin, "menu.clicked", 10, account.id, key="a"))
    assert take(house, "clicker", lin[0], at_s=20) == 1
    assert evidence(house, [lin[0]]) == []
    tell(house, fact(house, lin, "menu.clicked", 15, account.id, key="a"))
    assert held(house, lin[0]) == set()
    tell(house, fact(house, lin, "menu.clicked", 21, account.id, key="a"))
    assert held(house, lin[0]) == {"clicker"}
    assert removals(house, lin[0]) == [("clicker", "hand")]
    assert take(house, "clicker", lin[0] + 1000) == 0


def test_taking_the_tag_of_an_exclusive_group_brings_no_older_one_back(house, account, lin):
    tags(house, "small", "large", exclusive=True)
    rule(house, "small", "menu_key", {"keys": ["s"]})
    rule(house, "large", "menu_key", {"keys": ["l"]})
    tell(house, fact(house, lin, "menu.clicked", 1, account.id, key="s"), fact(house, lin, "menu.clicked", 2, account.id, key="l"))
    assert take(house, "large", lin[0], at_s=10) == 1
    assert held(house, lin[0]) == set()
    tell(house, fact(house, lin, "menu.clicked", 5, account.id, key="s"))
    assert held(house, lin[0]) == set()
    tell(house, fact(house, lin, "menu.clicked", 11, account.id, key="s"))
    assert held(house, lin[0]) == {"small"}


def test_a_hand_wins_the_tie_in_an_exclusive_group(house, account, lin):
    tags(house, "small", "large", exclusive=True)
    rule(house, "small", "menu_key", {"keys": ["s"]}, position=0)
    tell(house, fact(house, lin, "menu.clicked", 5, account.id, key="s"))
    give(house, "large", lin[0], at_s=5)
    assert held(house, lin[0]) == {"large"}


def test_a_tag_by_hand_may_end(house, lin):
    tags(house, "loved")
    give(house, "loved", lin[0], expires_at=moment(house, 60))
    assert held(house, lin[0], at_s=59) == {"loved"}
    assert held(house, lin[0], at_s=60) == set()


def test_a_whole_segment_in_chunks_with_progress(house, account):
    ids = tags(house, "everybody", "some")
    people = [who for who, _ in customers(house, account, CHUNK + 3)]
    give(house, "some", *people)
    tree, seen = parse_tree({"kind": "tag", "tag": "some"}), []
    assert tag_segment(house, ids["everybody"], tree, actor="Mei", progress=lambda done, total: seen.append((done, total))) == len(people)
    assert seen == [(CHUNK, len(people)), (len(people), len(people))]
    assert held(house, people[-1]) == {"everybody", "some"}
    assert tag_segment(house, ids["everybody"], tree, actor="Mei", take=True) == len(people)
    assert held(house, people[0]) == {"some"}
    with reading(house.engine) as session:
        query = (
            select(AuditEntry.action, AuditEntry.actor, AuditEntry.detail)
            .where(AuditEntry.action.like("tag.%_segment"))
            .order_by(AuditEntry.id)
        )
        entries = session.execute(query).all()
    assert [(entry.action, entry.actor, entry.detail["changed"]) for entry in entries] == [
        ("tag.given_to_segment", "Mei", len(people)),
        ("tag.taken_from_segment", "Mei", len(people)),
    ]


def test_why_shows_every_source_with_its_facts_and_what_was_lost(house, account, lin):
    tags(house, "tea")
    rule(house, "tea", "keyword", {"keywords": ["tea"]}, name="writes tea", half_life_s=100, weight=4)
    channel(house, account, "teahouse", "tea")
    first, second = (fact(house, lin, "keyword.matched", at_s, account.id, keyword="tea") for at_s in (0, 100))
    tell(house, first, second, fact(house, lin, "qr.scanned", 50, account.id, scene="teahouse", following=True))
    give(house, "tea", lin[0], at_s=200)
    with reading(house.engine) as session:
        answer = why_tagged(session, lin[0], tag=find_tag(session, "tea"), now=moment(house, 200))
    assert (answer.tag, answer.held, answer.removals) == ("tea", True, [])
    hand, keyword, scan = answer.reasons
    assert (hand.source, hand.name, hand.hits) == ("hand", "Mei", 1)
    assert (keyword.source, keyword.name, keyword.account, keyword.hits) == ("rule", "writes tea", account.name, 2)
    assert (keyword.first.key, keyword.last.key, keyword.last.kind) == (first.key, second.key, "keyword.matched")
    assert keyword.weight == pytest.approx(3.0)
    assert (scan.source, scan.last.kind) == ("channel", "qr.scanned")
    assert scan.name.startswith("channel teahouse")
    take(house, "tea", lin[0], at_s=300)
    with reading(house.engine) as session:
        answer = why_tagged(session, lin[0], tag=find_tag(session, "tea"), now=moment(house, 300))
        assert tags_of(session, lin[0], now=moment(house, 300)) == []
    assert (answer.held, answer.reasons) == (False, [])
    assert [(lost.why, lost.actor, len(lost.evidence)) for lost in answer.removals] == [("hand", "Mei", 3)]


def test_why_of_an_expired_tag_says_not_held_before_any_sweep(house, account, lin):
    tags(house, "brief")
    rule(house, "brief", "menu_key", {"keys": ["a"]}, expires_after_s=10)
    tell(house, fact(house, lin, "menu.clicked", 0, account.id, key="a"))
    house.clock.advance(timedelta(seconds=10))
    with reading(house.engine) as session:
        answer = why_tagged(session, lin[0], tag=find_tag(session, "brief"), now=house.clock.now())
        assert [each.name for each in tags_of(session, lin[0], now=moment(house, -1))] == ["brief"]
    assert (answer.held, answer.expires_at, answer.reasons[0].alive) == (False, None, False)


def test_the_dictionary_refuses_doubles_and_nonsense(session, house):
    now = house.clock.now()
    group = define_group(session, "尺码", exclusive=True, now=now)
    tag = define_tag(session, " 大号 ", group=group, colour="#FF8800", sensitive=True, now=now)
    assert (tag.name, tag.colour, tag.sensitive, tag.group_id) == ("大号", "#ff8800", True, group.id)
    assert access_tag(session, tag.public_id) is tag
    made = define_rule(session, "r", kind="menu_key", params={"keys": ["a"]}, tag=tag, now=now)
    switch_rule(session, made, enabled=False, actor="Mei", now=now)
    session.flush()
    assert [entry.action for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id))] == [
        "tag_group.defined",
        "tag.defined",
        "tag_rule.defined",
        "tag_rule.switched",
    ]
    for again in (
        lambda: define_group(session, "尺码", now=now),
        lambda: define_tag(session, "大号", now=now),
        lambda: define_rule(session, "r", kind="menu_key", params={"keys": ["a"]}, tag=tag, now=now),
    ):
        with pytest.raises(ConflictError):
            again()
    for wrong in (
        lambda: define_tag(session, "", now=now),
        lambda: define_tag(session, "x" * 65, now=now),
        lambda: define_tag(session, "x", colour="red", now=now),
        lambda: define_tag(session, "x", description="x" * 201, now=now),
        lambda: define_rule(session, "w", kind="menu_key", params={"keys": ["a"]}, tag=tag, weight=0, now=now),
        lambda: define_rule(session, "w", kind="menu_key", params={"keys": ["a"]}, tag=tag, half_life_s=0, now=now),
        lambda: define_rule(session, "w", kind="menu_key", params={"keys": ["a"]}, tag=tag, expires_after_s=2**31, now=now),
    ):
        with pytest.raises(BadRequestError):
            wrong()
    with pytest.raises(NotFoundError):
        find_tag(session, "nothing")
    with pytest.raises(NotFoundError):
        access_tag(session, group.public_id)
