"""Somebody whose follow event was lost is looked up all the same, once."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.nouns import Follower
from app.core.unit import reading
from jobs import schedule
from jobs.followers.acquaint import acquaint
from jobs.reactions_run import run_reactions
from tests.support.cast import Person
from tests.support.stories import hear, said


@pytest.fixture
def accounts(house, sandbox, make_account):
    made = [make_account(), make_account()]
    for account in made:
        sandbox.add_account(account, open_platform="group")
    return made


def follow(sandbox, person, account) -> Person:
    """At WeChat he follows; nobody tells the house."""
    sandbox.act(person["id"], account, "follow", how="search")
    return Person(person["name"], sandbox.person(person["id"])["openids"][account.appid], "u", "1")


def followers(house) -> list[Follower]:
    with reading(house.engine) as session:
        return list(session.scalars(select(Follower).order_by(Follower.id)))


def lookups(sandbox, account) -> int:
    with sandbox.log.open() as lines:
        records = [json.loads(line) for line in lines]
    calls = Counter((each["path"], each.get("appid")) for each in records if each["type"] == "call")
    return calls["/cgi-bin/user/info/batchget", account.appid]


def test_who_is_known_by_his_acts_alone_is_joined_by_his_consent(house, sandbox, accounts):
    first, second = accounts
    lin = sandbox.add_people("Lin")[0]
    one, other = (follow(sandbox, lin, account) for account in accounts)
    hear(house, said(house, first, "menu.clicked", who=one, key="NEW"))
    hear(house, said(house, second, "message.received", who=other, type="text", text="hi"))
    hear(house, said(house, second, "consent.granted", 1, who=other, purpose="join_accounts", version="1", via="keyword"))
    run_reactions(house)
    assert acquaint(house) == 0, "a look-up that may be on its way is not overtaken"
    assert len({row.customer_id for row in followers(house)}) == 2

    house.clock.advance(timedelta(seconds=20))
    assert acquaint(house) == 2
    rows = followers(house)
    assert len({row.unionid for row in rows}) == 1
    assert len({row.customer_id for row in rows}) == 1
    assert all(row.synced_at is not None for row in rows)

    asked = lookups(sandbox, first)
    assert acquaint(house) == 0
    assert lookups(sandbox, first) == asked


def test_an_account_that_may_not_ask_rests_and_holds_up_no_other(house, sandbox, accounts):
    first = accounts[0]
    people = sandbox.add_people("Lin", "Zhao")
    for account, person in zip(accounts, people, strict=True):
        hear(house, said(house, account, "menu.clicked", who=follow(sandbox, person, account), key="NEW"))
    house.clock.advance(timedelta(seconds=20))
    sandbox.control("faults", {"path": "/cgi-bin/user/info/batchget", "appid": first.appid, "errcode": 48001, "times": 1})
    assert acquaint(house) == 1
    assert [row.synced_at is None for row in followers(house)] == [True, False]
    refused = lookups(sandbox, first)
    assert acquaint(house) == 0
    assert lookups(sandbox, first) == refused


def test_who_left_meanwhile_is_asked_about_once(house, sandbox, accounts):
    account = accounts[0]
    lin = sandbox.add_people("Lin")[0]
    who = follow(sandbox, lin, account)
    hear(house, said(house, account, "menu.clicked", who=who, key="NEW"))
    sandbox.act(lin["id"], account, "unfollow")
    house.clock.advance(timedelta(seconds=20))
    assert acquaint(house) == 1
    (row,) = followers(house)
    assert (row.state, row.openid) == ("gone", None)
    assert acquaint(house) == 0


def test_the_timetable_has_it():
    assert "jobs.schedule.greet" in {entry.function for entry in schedule.TIMETABLE}
