"""Reminders go only where WeChat allows them, once each, and the card page shows them in any case."""

import inspect
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app.core.facts import Fact, ReactionRow, record
from app.core.followers import FOLLOWING, Sighting, meet
from app.core.nouns import Follower
from app.core.unit import reading, work
from app.wechat.gateway import WeChatGateway, gateway_for
from cards import reminders
from cards.birthdays import greet_birthdays, know_birthday
from cards.models.membership import MemberCard
from cards.reminders import WINDOW, Channel, Reach, decide, find_badges
from cards.tiers import requalify
from jobs import schedule
from jobs.reactions import say_reminder
from jobs.reactions_run import run_reactions
from jobs.reminders import remind_members
from tests.support.members import earn_points, facts_of, join_club, open_club

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@given(
    st.builds(
        Reach,
        follows=st.booleans(),
        wrote_at=st.none() | st.timedeltas(timedelta(0), timedelta(days=5)).map(lambda ago: NOW - ago),
        mass_left=st.integers(0, 4),
        has_email=st.booleans(),
    )
)
def test_the_badge_always_and_at_most_one_that_speaks_and_never_without_right(reach):
    channels = decide(reach, now=NOW)
    assert channels[-1] == Channel.BADGE
    assert len(channels) <= 2
    if Channel.SERVICE in channels:
        assert reach.follows
        assert reach.wrote_at > NOW - WINDOW
    if Channel.MASS in channels:
        assert reach.follows
        assert reach.mass_left > 0
    if Channel.EMAIL in channels:
        assert reach.has_email
    if len(channels) == 1:
        assert not reach.has_email


@pytest.mark.parametrize(
    ("reach", "first"),
    [
        (Reach(follows=True, wrote_at=NOW - timedelta(hours=47, minutes=59), mass_left=4, has_email=True), Channel.SERVICE),
        (Reach(follows=True, wrote_at=NOW - WINDOW, mass_left=4, has_email=True), Channel.MASS),
        (Reach(follows=True, mass_left=0, has_email=True), Channel.EMAIL),
        (Reach(follows=False, wrote_at=NOW, mass_left=4), Channel.BADGE),
        (Reach(), Channel.BADGE),
    ],
)
def test_the_least_intrusive_goes_first(reach, first):
    assert decide(reach, now=NOW)[0] == first


def test_a_template_message_is_no_channel_and_nobody_here_can_send_one():
    assert "template" not in {channel.value for channel in Channel}
    for module in (reminders, say_reminder):
        assert "send_template" not in inspect.getsource(module)


def badges(house, customer_id):
    with reading(house.engine) as session:
        return [(each.kind, each.amount, each.words[0]) for each in find_badges(session, customer_id=customer_id, now=house.clock.now())]


def test_expiring_points_are_shown_and_reminded_of_once(house, clock):
    club = open_club(house, gift=0)
    lin = join_club(house, club).customer_id
    earn_points(house, club, lin, 80)
    earn_points(house, club, join_club(house, club).customer_id, 5)
    assert badges(house, lin) == []
    assert remind_members(house) == 0
    clock.advance(timedelta(days=771))
    assert badges(house, lin) == [("points", 80, "您有 80 积分将于 2029-01-30 后到期")]
    assert remind_members(house, batch=1) == 2
    assert remind_members(house) == 0
    told = {fact.customer_id: fact.data["channels"] for fact in facts_of(house, "member.reminded")}
    assert told[lin] == ["badge"]
    clock.advance(timedelta(days=40))
    assert badges(house, lin) == []


def test_a_tier_that_ends_and_a_birthday_are_shown(house, clock):
    club = open_club(house)
    card = join_club(house, club)
    with work(house.engine) as session:
        held = session.get_one(MemberCard, card.id)
        held.tier_id, held.tier_until = club.tiers[2], clock.now() + timedelta(days=20)
        know_birthday(session, house.ring, held, written="11-22")
    greet_birthdays(house)
    assert [kind for kind, _, _ in badges(house, card.customer_id)] == ["birthday", "tier"]
    assert remind_members(house) == 2
    assert remind_members(house) == 0


def talk(house, sandbox, account, *, writes):
    """Lin follows the account and perhaps writes to it; says her customer and openid."""
    sandbox.add_account(account)
    (person,) = sandbox.add_people("Lin")
    sandbox.act(person["id"], account, "follow")
    (openid,) = gateway_for(house, account).list_followers().openids
    if writes:
        sandbox.act(person["id"], account, "write", text="还有多少积分?")
    now = house.clock.now()
    with work(house.engine) as session:
        (found,) = meet(session, [Sighting(account.id, account.appid, openid)], now=now).values()
        session.get_one(Follower, found.id).state = FOLLOWING
        said = Fact("w1", "message.received", now - timedelta(hours=1), {}, found.customer_id, found.id, account.id)
        if writes:
            record(session, [said], registry=house.registry, now=now)
        return found.customer_id


def heard(sandbox):
    """What the platform wrote down since this test began."""
    sandbox.control("settings", {})
    return sandbox.log.read_text().rpartition('"do":"reset"')[2]


def wake(house, club, lin):
    with work(house.engine) as session:
        card = session.scalars(select(MemberCard).where(MemberCard.customer_id == lin)).one()
        card.tier_id, card.tier_until = club.tiers[2], house.clock.now() + timedelta(days=10)
    assert remind_members(house) == 1
    run_reactions(house)
    with reading(house.engine) as session:
        return session.scalars(select(ReactionRow).where(ReactionRow.name == "say_reminder")).one_or_none()


def test_in_an_open_window_it_is_said_once(house, sandbox, make_account):
    account = make_account(name="海岸百货")
    lin = talk(house, sandbox, account, writes=True)
    club = open_club(house)
    join_club(house, club, lin)
    row = wake(house, club, lin)
    assert row is not None
    assert row.state == "done"
    assert heard(sandbox).count('"path":"/cgi-bin/message/custom/send"') == 1
    assert remind_members(house) == 0


def test_without_a_window_nothing_is_sent(house, sandbox, make_account):
    account = make_account(name="海岸百货")
    lin = talk(house, sandbox, account, writes=False)
    club = open_club(house)
    join_club(house, club, lin)
    assert wake(house, club, lin) is None
    (fact,) = facts_of(house, "member.reminded")
    assert fact.data["channels"] == ["badge"]
    log = heard(sandbox)
    assert '"/cgi-bin/message/custom/send"' not in log
    assert '"/cgi-bin/message/template/send"' not in log


def test_the_timetable_reminds_in_the_morning(house):
    club = open_club(house)
    card = join_club(house, club)
    with work(house.engine) as session:
        held = session.get_one(MemberCard, card.id)
        held.tier_id, held.tier_until = club.tiers[2], house.clock.now() + timedelta(days=10)
    (entry,) = [each for each in schedule.TIMETABLE if each.function == "jobs.schedule.remind"]
    assert entry.cron == "0 10 * * *"
    schedule.remind()
    assert len(facts_of(house, "member.reminded")) == 1


def rise(house, club, lin):
    earn_points(house, club, lin, 3000)
    with work(house.engine) as session:
        requalify(session, customer_id=lin, programme_id=club.programme_id, registry=house.registry, now=house.clock.now())
    run_reactions(house)


def test_a_new_tier_is_said_with_its_benefits_and_shown_for_a_while(house, sandbox, make_account, monkeypatch):
    account = make_account(name="海岸百货")
    lin = talk(house, sandbox, account, writes=True)
    club = open_club(house)
    join_club(house, club, lin)
    said = []
    real = WeChatGateway.send_service_message
    monkeypatch.setattr(
        WeChatGateway, "send_service_message", lambda self, openid, payload: (said.append(payload), real(self, openid, payload))
    )
    rise(house, club, lin)
    assert [each["text"]["content"] for each in said] == ["恭喜升级为金卡，权益：九五折"]
    assert badges(house, lin) == [("tier_news", 1, "您的会员等级现为金卡")]
    assert remind_members(house) == 0
    house.clock.advance(timedelta(days=15))
    assert badges(house, lin) == []


def test_a_new_tier_of_somebody_without_a_window_is_only_shown(house, sandbox, make_account):
    account = make_account(name="海岸百货")
    lin = talk(house, sandbox, account, writes=False)
    club = open_club(house)
    join_club(house, club, lin)
    rise(house, club, lin)
    assert '"/cgi-bin/message/custom/send"' not in heard(sandbox)
    assert badges(house, lin) == [("tier_news", 1, "您的会员等级现为金卡")]
    with reading(house.engine) as session:
        assert {row.name: row.state for row in session.scalars(select(ReactionRow))}["say_tier"] == "done"
