"""One customer over two accounts exists only while consent does."""

import pytest
from sqlalchemy import select

from app.core import kinds
from app.core.consents import apply_consents, learn_unionids
from app.core.facts import FactRow
from app.core.nouns import Consent, Customer, Follower
from app.core.unit import reading, work
from tests.support.cast import LIN
from tests.support.stories import hear, said


@pytest.fixture
def accounts(make_account):
    return make_account(), make_account()


def followers(house):
    with reading(house.engine) as session:
        return list(session.scalars(select(Follower).order_by(Follower.id)))


def customers(house):
    return [row.customer_id for row in followers(house)]


def learn(house, *rows):
    with work(house.engine) as session:
        learn_unionids(session, {row.id: LIN.unionid for row in rows}, registry=house.registry, now=house.clock.now())


def settle(house, *rows):
    with work(house.engine) as session:
        apply_consents(session, [row.id for row in rows], registry=house.registry, now=house.clock.now())


def meet_twice(house, accounts):
    hear(house, *(said(house, account, "follower.followed", 1) for account in accounts))
    return followers(house)


def test_without_consent_two_followers_stay_two_customers(house, accounts):
    learn(house, *meet_twice(house, accounts))
    assert len(set(customers(house))) == 2


@pytest.mark.parametrize("consent_first", [True, False])
def test_consent_joins_whether_it_comes_before_or_after_the_unionid(house, accounts, consent_first):
    rows = meet_twice(house, accounts)
    if not consent_first:
        learn(house, *rows)
    hear(house, said(house, accounts[1], "consent.granted", 5, version="1", via="keyword"))
    settle(house, *rows)
    if consent_first:
        learn(house, *rows)
    assert set(customers(house)) == {rows[0].customer_id}
    with reading(house.engine) as session:
        assert session.scalars(select(Customer.joined_into_id).where(Customer.id == rows[1].customer_id)).one() == rows[0].customer_id
        assert set(session.scalars(select(FactRow.customer_id).where(FactRow.follower_id == rows[1].id))) == {rows[0].customer_id}
        assert session.scalars(select(Consent.version)).one() == "1"
    learn(house, *rows)
    settle(house, *rows)
    with reading(house.engine) as session:
        assert len(session.scalars(select(FactRow).where(FactRow.kind == "customer.joined")).all()) == 1


@pytest.mark.parametrize("withdrawn_first", [True, False])
def test_a_withdrawn_consent_parts_them_again_in_any_order(house, accounts, withdrawn_first):
    rows = meet_twice(house, accounts)
    learn(house, *rows)
    given = said(house, accounts[1], "consent.granted", 5)
    withdrawn = said(house, accounts[1], "consent.revoked", 9)
    for entry in (withdrawn, given) if withdrawn_first else (given, withdrawn):
        hear(house, entry)
        settle(house, *rows)
    assert len(set(customers(house))) == 2
    with reading(house.engine) as session:
        for row in followers(house):
            kinds = ("follower.followed",)
            assert set(session.scalars(select(FactRow.customer_id).where(FactRow.follower_id == row.id, FactRow.kind.in_(kinds)))) == {
                row.customer_id
            }


def test_who_has_left_is_not_joined(house, accounts):
    rows = meet_twice(house, accounts)
    hear(house, said(house, accounts[1], "consent.granted", 5))
    hear(house, said(house, accounts[1], "follower.unfollowed", 6))
    learn(house, *rows)
    assert len(set(customers(house))) == 2
    assert followers(house)[1].unionid is None


def test_a_consent_to_something_else_joins_nobody(house, accounts):
    rows = meet_twice(house, accounts)
    learn(house, *rows)
    hear(house, said(house, accounts[1], "consent.granted", 5, purpose="newsletter"))
    settle(house, *rows)
    assert len(set(customers(house))) == 2


@pytest.mark.parametrize("withdrawn_first", [True, False])
def test_a_withdrawal_on_one_account_ends_the_consent_given_on_the_other(house, accounts, withdrawn_first):
    rows = meet_twice(house, accounts)
    learn(house, *rows)
    steps = [(rows[0], said(house, accounts[0], "consent.granted", 5)), (rows[1], said(house, accounts[1], "consent.revoked", 9))]
    for row, entry in reversed(steps) if withdrawn_first else steps:
        hear(house, entry)
        settle(house, row)
    assert len(set(customers(house))) == 2
    hear(house, said(house, accounts[1], "consent.granted", 12))
    settle(house, rows[1])
    assert len(set(customers(house))) == 1


@pytest.mark.parametrize("withdrawn_first", [True, False])
def test_a_withdrawal_of_something_else_leaves_the_customers_joined(house, accounts, withdrawn_first):
    rows = meet_twice(house, accounts)
    learn(house, *rows)
    story = [said(house, accounts[0], "consent.granted", 5), said(house, accounts[0], "consent.revoked", 9, purpose="birthday")]
    for entry in reversed(story) if withdrawn_first else story:
        hear(house, entry)
        settle(house, rows[0])
    assert len(set(customers(house))) == 1


@pytest.mark.parametrize("known_first", [True, False], ids=["unionid-known", "unionid-unknown"])
@pytest.mark.parametrize("late", [True, False], ids=["heard-late", "heard-in-time"])
def test_a_withdrawal_outlives_the_erasure_of_the_account_it_was_made_on(house, accounts, known_first, late):
    rows = meet_twice(house, accounts)
    hear(house, said(house, accounts[0], "consent.granted", 5))
    if known_first:
        learn(house, rows[1])
    story = [said(house, accounts[1], "consent.revoked", 9), said(house, accounts[1], "follower.unfollowed", 12)]
    hear(house, *(reversed(story) if late else story), batch=1)
    with reading(house.engine) as session:
        gone = session.get_one(Follower, rows[1].id)
        assert (gone.openid, gone.unionid) == (None, None)
        said_no = session.scalars(select(FactRow).where(FactRow.kind == "consent.revoked")).one()
        assert (said_no.data, said_no.follower_id, said_no.customer_id) == ({}, None, None)
    learn(house, rows[0])
    hear(house, said(house, accounts[1], "follower.followed", 20))
    learn(house, *rows)
    assert len(set(customers(house))) == 2
    hear(house, said(house, accounts[0], "consent.granted", 30))
    settle(house, rows[0])
    assert len(set(customers(house))) == 1


@pytest.mark.parametrize("late", [True, False], ids=["after-he-came-back", "before-its-reaction-ran"])
def test_a_withdrawal_that_goes_with_an_erasure_parts_who_was_joined(house, accounts, late):
    rows = meet_twice(house, accounts)
    learn(house, *rows)
    hear(house, said(house, accounts[0], "consent.granted", 5))
    settle(house, *rows)
    story = [said(house, accounts[1], "follower.unfollowed", 12), said(house, accounts[1], "follower.followed", 20)]
    no = said(house, accounts[1], "consent.revoked", 9)
    if late:
        hear(house, *story)
        learn(house, *rows)
        assert len(set(customers(house))) == 1
        hear(house, no)
    else:
        hear(house, no, *story)
    with reading(house.engine) as session:
        asked = session.scalars(select(FactRow.follower_id).where(FactRow.kind == kinds.DISPUTED)).all()
    assert asked == [rows[0].id]
    # The reaction asks WeChat about him, and learns his unionid anew.
    learn(house, rows[0], rows[1])
    assert len(set(customers(house))) == 2


def test_who_withdrew_and_is_gone_for_good_is_joined_nowhere_else(house, accounts, make_account):
    rows = meet_twice(house, accounts)
    third = make_account()
    hear(house, said(house, accounts[0], "consent.granted", 5), said(house, third, "follower.followed", 6))
    learn(house, rows[1])
    hear(house, said(house, accounts[1], "consent.revoked", 9), said(house, accounts[1], "follower.unfollowed", 12))
    learn(house, rows[0], followers(house)[2])
    assert len(set(customers(house))) == 3
