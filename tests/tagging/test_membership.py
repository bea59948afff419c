"""Exclusive groups, rules that change, expiry and weights: who has which tag in the end."""

from datetime import timedelta

import pytest
from sqlalchemy import text, update

from app.core.unit import work
from tagging.models import TagRule
from tagging.tags import expire_tags
from tests.tagging.steps import channel, customers, evidence, fact, held, moment, removals, rule, switch, tags, tell


@pytest.fixture
def account(make_account):
    return make_account()


@pytest.fixture
def lin(house, account):
    return customers(house, account, 1)[0]


def click(house, lin, account, at_s, key):
    return fact(house, lin, "menu.clicked", at_s, account.id, key=key)


@pytest.fixture
def sizes(house):
    tags(house, "small", "large", exclusive=True)
    rule(house, "small", "menu_key", {"keys": ["s", "both"]}, position=2)
    rule(house, "large", "menu_key", {"keys": ["l", "both"]}, position=1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_an_exclusive_group_the_newest_wins_whatever_came_first(house, account, lin, sizes, order):
    story = [click(house, lin, account, 10, "s"), click(house, lin, account, 20, "l")]
    for number in order:
        tell(house, story[number])
    assert held(house, lin[0]) == {"large"}
    assert removals(house, lin[0]) == ([("small", "exclusive")] if order == (0, 1) else [])


def test_in_a_tie_the_earlier_rule_wins(house, account, lin, sizes):
    tell(house, click(house, lin, account, 10, "both"))
    assert held(house, lin[0]) == {"large"}


def test_tags_of_a_free_group_stand_side_by_side(house, account, lin):
    tags(house, "tea", "coffee", exclusive=False)
    rule(house, "tea", "menu_key", {"keys": ["t"]})
    rule(house, "coffee", "menu_key", {"keys": ["c"]})
    tell(house, click(house, lin, account, 1, "t"), click(house, lin, account, 2, "c"))
    assert held(house, lin[0]) == {"tea", "coffee"}


def test_when_the_winner_expires_the_older_tag_is_shown_again(house, account, lin):
    tags(house, "small", "large", exclusive=True)
    rule(house, "small", "menu_key", {"keys": ["s"]})
    rule(house, "large", "menu_key", {"keys": ["l"]}, expires_after_s=60)
    tell(house, click(house, lin, account, 1, "s"), click(house, lin, account, 2, "l"))
    assert held(house, lin[0]) == {"large"}
    house.clock.advance(timedelta(seconds=62))
    assert held(house, lin[0]) == set()
    assert expire_tags(house) == 1
    assert held(house, lin[0]) == {"small"}
    assert removals(house, lin[0])[-1] == ("large", "expired")


def test_a_rule_is_in_force_with_the_next_batch_and_out_of_it_too(house, account, lin):
    tags(house, "clicker")
    tell(house, click(house, lin, account, 1, "a"))
    number = rule(house, "clicker", "menu_key", {"keys": ["a"]})
    assert held(house, lin[0]) == set()
    tell(house, click(house, lin, account, 2, "a"))
    switch(house, number, enabled=False)
    tell(house, click(house, lin, account, 3, "a"))
    assert [row["hits"] for row in evidence(house, [lin[0]])] == [1]
    assert held(house, lin[0]) == {"clicker"}


@pytest.mark.parametrize("broken", [{"kind": "horoscope"}, {"params": {"keys": 7}}])
def test_a_rule_that_no_longer_reads_stops_no_facts(house, account, lin, broken):
    tags(house, "clicker", "other")
    bad = rule(house, "clicker", "menu_key", {"keys": ["a"]})
    rule(house, "other", "menu_key", {"keys": ["a"]})
    with work(house.engine) as session:
        session.execute(update(TagRule).where(TagRule.id == bad).values(**broken))
    tell(house, click(house, lin, account, 1, "a"))
    assert held(house, lin[0]) == {"other"}


def test_expiry_moves_with_the_newest_fact_and_never_back(house, account, lin):
    tags(house, "brief")
    rule(house, "brief", "menu_key", {"keys": ["a"]}, expires_after_s=100)
    for at_s in (10, 50, 20):
        tell(house, click(house, lin, account, at_s, "a"))
    assert held(house, lin[0], at_s=149) == {"brief"}
    assert held(house, lin[0], at_s=150) == set()


def test_a_second_source_without_end_keeps_the_tag(house, account, lin):
    tags(house, "mixed")
    rule(house, "mixed", "menu_key", {"keys": ["a"]}, expires_after_s=10)
    rule(house, "mixed", "keyword", {"keywords": ["tea"]})
    tell(house, click(house, lin, account, 1, "a"))
    tell(house, fact(house, lin, "keyword.matched", 2, account.id, keyword="tea"))
    house.clock.advance(timedelta(seconds=60))
    assert expire_tags(house) == 0
    assert held(house, lin[0]) == {"mixed"}
    assert [row["source"].split(":")[0] for row in evidence(house, [lin[0]])] == ["rule"]


def test_the_sweep_works_in_chunks_and_audits_each(house, account):
    tags(house, "brief")
    rule(house, "brief", "menu_key", {"keys": ["a"]}, expires_after_s=10)
    people = customers(house, account, 7)
    tell(house, *[click(house, each, account, 1, "a") for each in people])
    house.clock.advance(timedelta(seconds=60))
    assert expire_tags(house, chunk=3) == 7
    assert expire_tags(house, chunk=3) == 0
    for customer_id, _ in people:
        assert removals(house, customer_id) == [("brief", "expired")]
    with work(house.engine) as session:
        kept = session.scalars(text("SELECT evidence FROM tag_removal")).all()
        assert {(told[0]["source"].split(":")[0], told[0]["hits"]) for told in kept} == {("rule", 1)}


def test_a_channel_tags_by_the_time_of_the_scan(house, account, lin):
    tags(house, "spring", "autumn")
    channel(house, account, "poster", "spring", created_s=0, retired_s=50)
    channel(house, account, "poster", "autumn", created_s=100)
    zhao, chen, mei = customers(house, account, 3)
    for person, at_s in ((lin, 20), (zhao, 120), (chen, 70), (mei, -5)):
        tell(house, fact(house, person, "qr.scanned", at_s, account.id, scene="poster", following=True))
    assert [held(house, each[0]) for each in (lin, zhao, chen, mei)] == [{"spring"}, {"autumn"}, {"spring"}, {"spring"}]


def test_a_scene_of_another_account_is_another_channel(house, account, make_account):
    tags(house, "here")
    channel(house, account, "poster", "here")
    other = make_account()
    zhao = customers(house, other, 1)[0]
    tell(house, fact(house, zhao, "qr.scanned", 1, other.id, scene="poster", following=True))
    assert held(house, zhao[0]) == set()


def test_a_channel_rule_knows_the_channel_by_its_public_id(house, account, lin):
    tags(house, "fair")
    made = channel(house, account, "fair1")
    channel(house, account, "fair2")
    rule(house, "fair", "channel", {"channels": [str(made.public_id)]})
    tell(house, fact(house, lin, "qr.scanned", 1, account.id, scene="fair2", following=True))
    assert held(house, lin[0]) == set()
    tell(house, fact(house, lin, "qr.scanned", 2, account.id, scene="fair1", following=True))
    assert held(house, lin[0]) == {"fair"}


def test_a_repeated_fact_counts_once(house, account, lin):
    tags(house, "clicker")
    rule(house, "clicker", "menu_key", {"keys": ["a"]})
    again = click(house, lin, account, 1, "a")
    tell(house, again)
    tell(house, again)
    (row,) = evidence(house, [lin[0]])
    assert (row["hits"], row["weight"], row["first_at"]) == (1, 1.0, moment(house, 1))
