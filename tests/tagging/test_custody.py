"""Erasure, joining and parting: what stays justified stays, what is not goes, and the order of events does not matter."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.core.consents import apply_consents, learn_unionids
from app.core.nouns import Follower
from app.core.unit import reading, work
from tagging.tags import find_tag, tag_customers, untag_customers
from tests.support.cast import LIN, ZHAO
from tests.support.stories import hear, said
from tests.tagging.steps import channel, customers, evidence, fact, held, moment, removals, rule, tags, tell


@pytest.fixture
def account(make_account):
    return make_account()


@pytest.fixture
def rules(house):
    tags(house, "clicker", "busy", "loved")
    rule(house, "clicker", "menu_key", {"keys": ["sale"]})
    rule(house, "busy", "count_in_window", {"kind": "menu.clicked", "at_least": 3, "within_s": 60})


def who(house, account, person=LIN):
    with reading(house.engine) as session:
        query = select(Follower).where(Follower.account_id == account.id, Follower.openid == person.openid)
        follower = session.scalars(query).one()
        return follower.customer_id, follower.id


def by_hand(house, customer_id, name="loved"):
    with work(house.engine) as session:
        tag_customers(session, find_tag(session, name), customer_ids=[customer_id], actor="Mei", now=house.clock.now())


def test_leaving_takes_every_tag_and_says_why(house, account, rules):
    hear(house, *[said(house, account, "menu.clicked", second, key="sale") for second in (1, 2, 3)])
    lin = who(house, account)
    by_hand(house, lin[0])
    assert held(house, lin[0]) == {"clicker", "busy", "loved"}
    hear(house, said(house, account, "follower.unfollowed", 10))
    assert held(house, lin[0]) == set()
    assert evidence(house, [lin[0]]) == []
    assert sorted(removals(house, lin[0])) == [("busy", "erased"), ("clicker", "erased"), ("loved", "erased")]
    with reading(house.engine) as session:
        assert session.scalar(text("SELECT count(*) FROM tag_removal WHERE evidence <> '[]'")) == 0


def test_what_he_did_after_coming_back_stands(house, account, rules):
    early = [said(house, account, "menu.clicked", second, key="sale") for second in (1, 2)]
    late = [said(house, account, "menu.clicked", second, key="sale") for second in (20, 21)]
    hear(house, *early, *late)
    lin = who(house, account)
    assert held(house, lin[0]) == {"clicker", "busy"}
    hear(house, said(house, account, "follower.unfollowed", 10))
    assert held(house, lin[0]) == {"clicker"}
    (row,) = evidence(house, [lin[0]])
    assert (row["hits"], row["first_at"]) == (2, moment(house, 20))


def test_a_scan_after_the_erasure_is_the_first_touch_then(house, account):
    for scene in ("old", "new"):
        channel(house, account, scene)
    hear(house, said(house, account, "qr.scanned", 1, scene="old"), said(house, account, "qr.scanned", 20, scene="new"))
    hear(house, said(house, account, "follower.unfollowed", 10))
    with reading(house.engine) as session:
        scenes = session.execute(text("SELECT c.scene, t.first_at FROM touch t JOIN channel c ON c.id = t.first_channel_id")).all()
        visited = session.scalars(text("SELECT c.scene FROM channel_visit v JOIN channel c ON c.id = v.channel_id")).all()
        assert [tuple(row) for row in scenes] == [("new", moment(house, 20))]
        assert visited == ["new"]
        assert session.scalar(text("SELECT sum(scans) FROM channel_day")) == 2


def joined(house, account, other, *, consent_s=50):
    """Lin follows two accounts, both unionids are known, and she consents."""
    hear(house, said(house, account, "consent.granted", consent_s, purpose="join_accounts", version="1", via="test"))
    mine = [who(house, each)[1] for each in (account, other)]
    with work(house.engine) as session:
        learn_unionids(session, dict.fromkeys(mine, LIN.unionid), registry=house.registry, now=house.clock.now())
    return mine


def test_joining_moves_and_merges_and_counts_over_both(house, account, make_account, rules):
    other = make_account()
    hear(
        house,
        *[said(house, account, "menu.clicked", second, key="sale") for second in (1, 2)],
        said(house, other, "menu.clicked", 3, key="sale"),
    )
    mine, hers = who(house, account)[0], who(house, other)[0]
    by_hand(house, mine)
    by_hand(house, hers)
    with work(house.engine) as session:
        untag_customers(session, find_tag(session, "clicker"), customer_ids=[hers], actor="Mei", now=moment(house, 4))
    assert held(house, hers) == {"loved"}
    joined(house, account, other)
    into, old = min(mine, hers), max(mine, hers)
    assert held(house, into) == {"clicker", "busy", "loved"}
    assert held(house, old) == set()
    assert evidence(house, [old]) == []
    (loved,) = [row for row in evidence(house, [into]) if row["name"] == "loved"]
    assert (loved["hits"], loved["weight"]) == (2, 2.0)
    (busy,) = [row for row in evidence(house, [into]) if row["name"] == "busy"]
    assert busy["last_at"] == moment(house, 3)


def test_parting_gives_each_his_own(house, account, make_account, rules):
    other = make_account()
    hear(
        house,
        *[said(house, account, "menu.clicked", second, key="sale") for second in (1, 2)],
        said(house, other, "menu.clicked", 3, key="sale"),
    )
    by_hand(house, who(house, account)[0])
    mine = joined(house, account, other)
    assert who(house, account)[0] == who(house, other)[0]
    hear(house, said(house, account, "consent.revoked", 60, purpose="join_accounts", version="1", via="test"))
    with work(house.engine) as session:
        apply_consents(session, mine, registry=house.registry, now=house.clock.now())
    first, second = who(house, account)[0], who(house, other)[0]
    assert first != second
    assert held(house, first) == {"clicker", "loved"}
    assert held(house, second) == {"clicker"}
    assert [(row["name"], row["hits"]) for row in evidence(house, [second])] == [("clicker", 1)]
    assert ("busy", "split") in removals(house, first)


def test_erasing_one_of_two_recounts_what_the_other_did(house, account, make_account, rules):
    keeping = make_account(retention="keep")
    hear(
        house,
        *[said(house, account, "menu.clicked", second, key="x") for second in (1, 2)],
        said(house, keeping, "menu.clicked", 3, key="sale"),
    )
    joined(house, account, keeping)
    one = who(house, keeping)[0]
    by_hand(house, one)
    assert held(house, one) == {"clicker", "busy", "loved"}
    hear(house, said(house, account, "follower.unfollowed", 70))
    assert held(house, one) == {"clicker", "loved"}
    assert removals(house, one) == [("busy", "erased")]


def test_what_expired_before_the_erasure_is_not_brought_back(house, account):
    tags(house, "brief")
    rule(house, "brief", "menu_key", {"keys": ["sale"]}, expires_after_s=5)
    hear(house, said(house, account, "menu.clicked", 20, key="sale"))
    lin = who(house, account)
    house.clock.advance(timedelta(seconds=30))
    hear(house, said(house, account, "follower.unfollowed", -20))
    assert held(house, lin[0], at_s=-1000) == set()
    assert evidence(house, [lin[0]]) == []


def test_strangers_are_left_alone(house, account, rules):
    hear(house, said(house, account, "menu.clicked", 1, key="sale"), said(house, account, "menu.clicked", 1, key="sale", who=ZHAO))
    zhao = who(house, account, ZHAO)
    hear(house, said(house, account, "follower.unfollowed", 10))
    assert held(house, zhao[0]) == {"clicker"}


def test_an_own_fact_without_follower_tags_the_customer(house, account, rules):
    lin = customers(house, account, 1)[0]
    tell(house, fact(house, (lin[0], 0), "menu.clicked", 1, key="sale"))
    (row,) = evidence(house, [lin[0]])
    assert (row["name"], row["follower_id"]) == ("clicker", 0)
