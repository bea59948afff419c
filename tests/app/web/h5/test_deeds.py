"""Checking in and bringing friends from the phone: rewarded by the rules, once."""

import pytest
from sqlalchemy import select

from app.core.facts import FactRow
from app.core.unit import reading, work
from cards.models.earning import CheckIn
from cards.models.ledger import Wallet
from cards.models.membership import MemberCard
from cards.rulebook import define_rule
from jobs.reactions_run import run_reactions
from tests.support.cast import LIN, ZHAO


@pytest.fixture
def lin(house, counter):
    """A member; checking in brings 3 points and a friend 40 to him and 20 to the friend."""
    rules = (("签到", "check_in", {"points": 3}), ("老带新", "referral", {"newcomer": 20, "friend": 40}))
    with work(house.engine) as session:
        for name, kind, params in rules:
            common = {"unit_id": counter.unit_id, "now": house.clock.now(), "actor": "Mei"}
            define_rule(session, programme_id=counter.programme_id, name=name, kind=kind, params=params, **common)
    return counter.member(points=100)


def points(house, customer_id):
    with reading(house.engine) as session:
        return session.scalar(select(Wallet.active).where(Wallet.customer_id == customer_id, Wallet.kind == "points"))


def post(web, counter, path, openid="oLin", **form):
    cookie = counter.log_in(web, openid)
    return web.post(path, data={"csrf": counter.csrf(cookie), **form})


def test_a_member_checks_in_once_a_day(web, house, counter, lin):
    counter.log_in(web, "oLin")
    before = points(house, lin)
    assert 'action="/me/check-in"' in web.get("/me").get_data(as_text=True)
    done = post(web, counter, "/me/check-in")
    assert (done.status_code, done.headers["Location"]) == (303, "/me?hello=in-1-3")
    assert "签到成功，连续 1 天，得 3 积分" in web.get("/me?hello=in-1-3").get_data(as_text=True)
    assert post(web, counter, "/me/check-in").headers["Location"] == "/me"
    assert points(house, lin) == before + 3
    page = web.get("/me").get_data(as_text=True)
    assert "今天已签到" in page
    assert "签到成功" not in web.get("/me?hello=in-1-<b>").get_data(as_text=True)


def test_without_a_rule_nobody_is_asked_to(web, counter):
    counter.member()
    counter.log_in(web, "oLin")
    page = web.get("/me").get_data(as_text=True)
    assert "/me/check-in" not in page
    assert "/me/invite" not in page


def test_a_form_of_another_session_checks_nobody_in(web, house, counter, lin):
    counter.log_in(web, "oLin")
    assert web.post("/me/check-in", data={"csrf": "0" * 32}).status_code == 403
    with reading(house.engine) as session:
        assert session.scalar(select(CheckIn.streak)) is None


def link_of(web, counter):
    counter.log_in(web, "oLin")
    page = web.get("/me/invite").get_data(as_text=True)
    return page.partition('class="link">')[2].partition("<")[0]


def join(web, counter, by, openid="oZhao", phone=ZHAO.phone):
    return post(web, counter, "/join", openid, phone=phone, agree="on", next="/me", by=by)


def test_a_friend_who_follows_the_link_brings_points_to_both(web, house, counter, lin):
    link = link_of(web, counter)
    by = link.partition("?by=")[2]
    before = points(house, lin)
    counter.log_in(web, "oZhao")
    assert f'name="by" value="{by}"' in web.get(f"/join?by={by}").get_data(as_text=True)
    assert join(web, counter, by).status_code == 303
    run_reactions(house)
    run_reactions(house)
    with reading(house.engine) as session:
        zhao = session.scalars(select(MemberCard.customer_id).where(MemberCard.customer_id != lin)).one()
    assert (points(house, lin), points(house, zhao)) == (before + 40, 200 + 20)


@pytest.mark.parametrize("by", ["", "nonsense", "01a20437-9946-74f9-91bb-1b145e875443"])
def test_a_link_of_nobody_opens_the_card_and_brings_nothing(web, house, counter, lin, by):
    before = points(house, lin)
    assert join(web, counter, by).status_code == 303
    run_reactions(house)
    assert points(house, lin) == before
    with reading(house.engine) as session:
        assert session.scalar(select(FactRow.id).where(FactRow.kind == "member.referred")) is None


def test_who_is_a_member_already_brings_nobody_anything(web, house, counter, lin):
    by = link_of(web, counter).partition("?by=")[2]
    before = points(house, lin)
    assert join(web, counter, by, openid="oLin", phone=LIN.phone).status_code == 303
    run_reactions(house)
    assert points(house, lin) == before
