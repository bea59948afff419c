"""Reminders by mass message: out of those that were set aside, to many at once, never twice to one person and never past his month."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.facts import ReactionRow
from app.core.followers import FOLLOWING, GONE, Sighting, meet
from app.core.nouns import Customer, Follower
from app.core.unit import reading, work
from app.wechat.gateway import gateway_for
from cards.contact import set_wishes
from cards.models.membership import MemberCard
from jobs.reactions_run import run_reactions
from jobs.reminders import remind_members
from tests.support.members import earn_points, facts_of, join_club, open_club

SAID = "您有积分将于 2029-01-30 后到期，打开会员卡即可查看"


@pytest.fixture
def crowd(house, sandbox, make_account, clock):
    """Four members who follow one service account, none of whom has written; their points expire in a month."""

    def gather(mass, kind="service"):
        house.settings = replace(house.settings, reminder_mass=mass)
        account = make_account(name="海岸百货", kind=kind)
        sandbox.add_account(account)
        people = sandbox.add_people("Mei", "Chen", "Lin", "Zhao")
        for person in people:
            sandbox.act(person["id"], account, "follow")
        club = open_club(house, gift=0)
        openids = gateway_for(house, account).list_followers().openids
        with work(house.engine) as session:
            met = meet(session, [Sighting(account.id, account.appid, openid) for openid in openids], now=clock.now())
            for follower in met.values():
                session.get_one(Follower, follower.id).state = FOLLOWING
            customers = [follower.customer_id for follower in met.values()]
        for customer in customers:
            join_club(house, club, customer)
            earn_points(house, club, customer, 80)
        clock.advance(timedelta(days=771))
        return customers

    return gather


def channels(house):
    return sorted(fact.data["channels"][0] for fact in facts_of(house, "member.reminded"))


def rows(house):
    with reading(house.engine) as session:
        found = session.execute(select(ReactionRow.state, ReactionRow.last_error).where(ReactionRow.name == "say_to_many"))
        return sorted((str(row.state), row.last_error) for row in found)


def sends(sandbox):
    """How many mass messages WeChat took since this test began."""
    sandbox.control("settings", {})
    records = [json.loads(line) for line in sandbox.log.read_text().rpartition('"do":"reset"')[2].splitlines()[1:]]
    return sum(each.get("path") == "/cgi-bin/message/mass/send" and each.get("errcode") == 0 and each["type"] == "call" for each in records)


def test_one_call_tells_them_all_and_it_says_nothing_of_one(house, sandbox, crowd):
    crowd(1)
    assert remind_members(house, batch=3) == 4
    assert channels(house) == ["mass"] * 4
    run_reactions(house)
    assert rows(house) == [("done", None)] * 4
    assert sends(sandbox) == 1
    assert SAID in sandbox.log.read_text()
    assert remind_members(house) == 0
    run_reactions(house)
    assert sends(sandbox) == 1


def test_without_any_set_aside_the_card_page_says_it(house, sandbox, crowd):
    crowd(0)
    assert remind_members(house) == 4
    run_reactions(house)
    assert channels(house) == ["badge"] * 4
    assert sends(sandbox) == 0


def test_a_subscription_account_keeps_its_one_call_a_day(house, crowd):
    crowd(4, kind="subscription")
    remind_members(house)
    assert channels(house) == ["badge"] * 4


def end_tiers(house, days):
    with work(house.engine) as session:
        for card in session.scalars(select(MemberCard)):
            card.tier_until = house.clock.now() + timedelta(days=days)


def test_no_month_brings_more_than_was_set_aside(house, clock, crowd):
    crowd(1)
    end_tiers(house, 20)
    assert remind_members(house, batch=3) == 8
    assert channels(house) == ["badge"] * 4 + ["mass"] * 4
    clock.advance(timedelta(days=31))
    end_tiers(house, 10)
    assert remind_members(house) == 4
    assert channels(house) == ["badge"] * 4 + ["mass"] * 8


def test_who_wants_no_word_in_the_chat_gets_none(house, crowd):
    lin, *_ = crowd(4)
    with work(house.engine) as session:
        wanted = {("expiry", "service"): False}
        set_wishes(session, customer=session.get_one(Customer, lin), wanted=wanted, actor="h5", now=house.clock.now())
    remind_members(house)
    assert channels(house) == ["badge", "mass", "mass", "mass"]


def test_one_alone_is_no_crowd(house, sandbox, crowd):
    customers = crowd(4)
    with work(house.engine) as session:
        for follower in session.scalars(select(Follower).where(Follower.customer_id.in_(customers[1:]))):
            follower.state = GONE
    remind_members(house)
    run_reactions(house)
    assert rows(house) == [("failed", "mass_of_one")]
    assert sends(sandbox) == 0


def test_what_wechat_refuses_for_a_minute_is_said_later(house, clock, sandbox, crowd):
    crowd(1)
    sandbox.control("faults", {"path": "/cgi-bin/message/mass/send", "errcode": 45011, "times": 1})
    remind_members(house)
    run_reactions(house)
    assert {state for state, _ in rows(house)} == {"pending"}
    clock.advance(timedelta(minutes=2))
    run_reactions(house)
    assert {state for state, _ in rows(house)} == {"done"}
    assert sends(sandbox) == 1


def test_whatever_became_of_a_lost_call_it_is_not_made_again(house, clock, sandbox, crowd):
    crowd(1)
    sandbox.control("faults", {"path": "/cgi-bin/message/mass/send", "drop_after_accept": True, "times": 1})
    remind_members(house)
    run_reactions(house)
    clock.advance(timedelta(minutes=5))
    run_reactions(house)
    assert {state for state, _ in rows(house)} <= {"unknown", "done"}
    assert sends(sandbox) == 1
