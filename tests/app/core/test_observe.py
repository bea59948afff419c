"""State by time of occurrence, whatever the order of arrival; erasure that keeps keys; ties that ask WeChat."""

from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import select

from app.core.facts import FactRow
from app.core.nouns import Customer, Follower
from app.core.unit import reading
from tests.support.cast import LIN, ZHAO
from tests.support.stories import hear, said


@pytest.fixture
def account(make_account):
    return make_account()


@pytest.fixture
def keeper(make_account):
    return make_account(retention="keep")


def follower(house):
    with reading(house.engine) as session:
        return session.scalars(select(Follower)).one()


def facts(house):
    with reading(house.engine) as session:
        return list(session.scalars(select(FactRow).order_by(FactRow.occurred_at, FactRow.id)))


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("batch", [1, 3])
def test_follow_leave_follow_ends_following_in_any_order(house, account, order, batch):
    story = [
        said(house, account, "follower.followed", 10),
        said(house, account, "follower.unfollowed", 20),
        said(house, account, "follower.followed", 30),
    ]
    hear(house, *[story[number] for number in order], batch=batch)
    row = follower(house)
    assert (row.state, row.openid) == ("following", LIN.openid)
    assert row.state_at == house.clock.now() + timedelta(seconds=30)
    assert row.erased_at == house.clock.now() + timedelta(seconds=20)
    linked = [fact.occurred_at for fact in facts(house) if fact.follower_id is not None and fact.kind == "follower.followed"]
    assert linked == [house.clock.now() + timedelta(seconds=30)]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_leaving_last_erases_in_any_order(house, account, order):
    story = [
        said(house, account, "follower.followed", 10, scene="shop"),
        said(house, account, "message.received", 12, text="我的电话 13800000003"),
        said(house, account, "menu.clicked", 15, key="coupons"),
        said(house, account, "follower.unfollowed", 20),
    ]
    hear(house, *[story[number] for number in order], batch=1)
    row = follower(house)
    assert (row.state, row.openid, row.unionid, row.last_interaction_at) == ("gone", None, None, None)
    kept = [fact for fact in facts(house) if not fact.kind.startswith("follower.erased")]
    assert sorted(fact.kind for fact in kept) == ["follower.followed", "follower.unfollowed", "menu.clicked", "message.received"]
    assert all((fact.data, fact.customer_id, fact.follower_id) == ({}, None, None) for fact in facts(house))
    with reading(house.engine) as session:
        assert session.scalars(select(Customer.erased_at)).one() is not None


def test_an_account_that_keeps_only_notes_that_he_left(house, keeper):
    hear(house, said(house, keeper, "menu.clicked", 1, key="coupons"), said(house, keeper, "follower.unfollowed", 2))
    row = follower(house)
    assert (row.state, row.openid, row.erased_at) == ("gone", LIN.openid, None)
    assert facts(house)[0].data == {"key": "coupons"}


def test_who_comes_back_is_reachable_again_and_has_no_past(house, account):
    hear(house, said(house, account, "follower.followed", 1), said(house, account, "follower.unfollowed", 2))
    hear(house, said(house, account, "follower.followed", 3), said(house, account, "menu.clicked", 4, key="coupons"))
    row = follower(house)
    assert (row.state, row.openid) == ("following", LIN.openid)
    assert [fact.kind for fact in facts(house) if fact.follower_id] == ["follower.followed", "menu.clicked"]
    with reading(house.engine) as session:
        assert session.scalars(select(Customer.erased_at)).one() is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("batch", [1, 2])
def test_two_opposite_events_in_one_second_ask_wechat(house, account, order, batch):
    story = [said(house, account, "follower.followed", 10), said(house, account, "follower.unfollowed", 10)]
    hear(house, *[story[number] for number in order], batch=batch)
    assert [fact.kind for fact in facts(house)].count("follower.disputed") == 1
    assert follower(house).openid == LIN.openid


def test_a_repeat_adds_nothing_even_in_one_batch(house, account):
    entry = said(house, account, "menu.clicked", 1, entry_key="a" * 64)
    assert hear(house, entry, entry) == 1
    assert hear(house, entry) == 0
    assert len(facts(house)) == 1


def test_a_receipt_makes_nobody_active_and_a_mass_receipt_makes_nobody(house, account):
    hear(house, said(house, account, "template.receipted", 1, msgid="1", status="success"))
    assert (follower(house).state, follower(house).last_interaction_at) == ("unknown", None)
    hear(house, said(house, account, "mass.receipted", 2, who=ZHAO, msgid="2"))
    assert follower(house).openid == LIN.openid


def test_who_clicks_a_menu_follows_and_who_only_scans_may_not(house, account):
    hear(house, said(house, account, "qr.scanned", 1, scene="shop"))
    assert follower(house).state == "unknown"
    hear(house, said(house, account, "menu.clicked", 2, key="coupons"))
    assert follower(house).state == "following"


def standing(house):
    row = follower(house)
    return row.state, row.openid, row.erased_at, row.subscribed_at, row.last_interaction_at


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_who_acts_after_he_left_follows_again_though_nobody_told_us(house, account, order, batch):
    story = [
        said(house, account, "follower.followed", 10),
        said(house, account, "menu.clicked", 15, key="coupons"),
        said(house, account, "follower.unfollowed", 20),
        said(house, account, "menu.clicked", 30, key="coupons"),
    ]
    hear(house, *[story[number] for number in order], batch=batch)
    start = house.clock.now()
    assert standing(house) == ("following", LIN.openid, start + timedelta(seconds=20), None, start + timedelta(seconds=30))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_follow_that_was_overtaken_still_says_since_when(house, account, order, batch):
    story = [
        said(house, account, "follower.followed", 10),
        said(house, account, "menu.clicked", 15, key="coupons"),
        said(house, account, "message.received", 20, text="你好"),
    ]
    hear(house, *[story[number] for number in order], batch=batch)
    start = house.clock.now()
    assert standing(house) == ("following", LIN.openid, None, start + timedelta(seconds=10), start + timedelta(seconds=20))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_our_own_rooms_put_on_record_makes_nobody_a_follower(house, account, order, batch):
    story = [
        said(house, account, "follower.followed", 10),
        said(house, account, "follower.unfollowed", 20),
        said(house, account, "card.claimed", 30, card_id="c", code="1"),
    ]
    hear(house, *[story[number] for number in order], batch=batch)
    assert (follower(house).state, follower(house).openid) == ("gone", LIN.openid)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_who_closes_his_account_at_the_mini_program_is_forgotten(house, make_account, order):
    mini = make_account(kind="mini")
    story = [
        said(house, mini, "message.received", 10, text="我的电话 13800000003"),
        said(house, mini, "mini.entered", 11, session="shop"),
        said(house, mini, "privacy.changed", 20, event="user_authorization_cancellation"),
    ]
    hear(house, *[story[number] for number in order], batch=1)
    assert (follower(house).state, follower(house).openid) == ("gone", None)
    assert all((fact.data, fact.customer_id, fact.follower_id) == ({}, None, None) for fact in facts(house))


def test_who_takes_back_one_permission_is_not_forgotten(house, make_account):
    mini = make_account(kind="mini")
    revoked = said(house, mini, "privacy.changed", 20, event="user_authorization_revoke", revoke_info="8")
    hear(house, said(house, mini, "message.received", 10, text="在吗"), revoked)
    assert follower(house).openid == LIN.openid
