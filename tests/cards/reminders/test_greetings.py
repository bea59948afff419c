"""Greetings: the day a member joined, once a year, and festivals for everybody; and a word of his is obeyed."""

from datetime import date, timedelta

import pytest

from app.core.errors import BadRequestError
from app.core.nouns import Customer
from app.core.unit import reading, work
from cards.contact import set_wishes
from cards.festivals import set_festival
from cards.models.programme import Programme
from cards.reminders import Channel, Reach, Way, find_badges, find_ways
from jobs.reminders import remind_members
from tests.support.members import facts_of, join_club, open_club


def badges(house, customer_id, place=0):
    with reading(house.engine) as session:
        return [(each.kind, each.words[place]) for each in find_badges(session, customer_id=customer_id, now=house.clock.now())]


def test_the_day_he_joined_is_kept_every_year(house, clock):
    club = open_club(house, gift=0)
    lin = join_club(house, club).customer_id
    assert badges(house, lin) == []
    clock.advance(timedelta(days=365))
    assert badges(house, lin) == [("anniversary", "今天是您成为会员 1 周年，谢谢一路相伴")]
    assert badges(house, lin, 1) == [("anniversary", "you have been a member for a year today: thank you")]
    assert (remind_members(house), remind_members(house)) == (1, 0)
    clock.advance(timedelta(days=1))
    assert badges(house, lin) == []
    clock.advance(timedelta(days=365))
    assert badges(house, lin) == [("anniversary", "今天是您成为会员 2 周年，谢谢一路相伴")]
    assert remind_members(house) == 1


def festival(house, club, words="中秋快乐，团圆有礼", words_en="Happy Mid-Autumn"):
    with work(house.engine) as session:
        programme = session.get_one(Programme, club.programme_id)
        set_festival(session, programme, day=date(2026, 11, 22), words=words, words_en=words_en, actor="Mei", now=house.clock.now())


def test_a_festival_is_on_every_card_page_and_on_record_only_where_it_can_be_said(house, clock):
    club = open_club(house, gift=0)
    lin = join_club(house, club).customer_id
    festival(house, club)
    assert badges(house, lin) == [("festival", "中秋快乐，团圆有礼")]
    assert badges(house, lin, 1) == [("festival", "Happy Mid-Autumn")]
    assert remind_members(house) == 0
    assert facts_of(house, "member.reminded") == []
    festival(house, club, "", "")
    assert badges(house, lin) == []


@pytest.mark.parametrize("words", ["长" * 101, "两\n行"])
def test_a_greeting_is_one_line(house, words):
    with pytest.raises(BadRequestError):
        festival(house, open_club(house), words)


def test_a_no_is_a_no_and_the_badge_stays(house, clock):
    club = open_club(house)
    lin = join_club(house, club).customer_id
    with work(house.engine) as session:
        wanted = {("greeting", "service"): False, ("greeting", "email"): False}
        set_wishes(session, customer=session.get_one(Customer, lin), wanted=wanted, actor="h5", now=clock.now())
        with pytest.raises(BadRequestError):
            set_wishes(session, customer=session.get_one(Customer, lin), wanted={("weather", "email"): True}, actor="h5", now=clock.now())
    with reading(house.engine) as session:
        assert find_ways(session, [lin], now=clock.now())[lin].unwanted == {"greeting:service", "greeting:email"}
    way = Way(Reach(follows=True, wrote_at=clock.now(), has_email=True), 1, 1, frozenset({"greeting:service", "greeting:email"}))
    assert way.allowed("greeting", now=clock.now(), mail=True) == (Channel.BADGE,)
    assert way.allowed("expiry", now=clock.now(), mail=True) == (Channel.SERVICE, Channel.BADGE)
    half = Way(Reach(follows=True, wrote_at=clock.now(), has_email=True), 1, 1, frozenset({"greeting:service"}))
    assert half.allowed("greeting", now=clock.now(), mail=True) == (Channel.EMAIL, Channel.BADGE)
    assert half.allowed("greeting", now=clock.now(), mail=False) == (Channel.BADGE,)
