"""Reminders by e-mail: only to an address that confirmed, on a topic he did not refuse, once under one number."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.errors import BadRequestError, ForbiddenError
from app.core.facts import FactRow, ReactionRow
from app.core.nouns import AuditEntry, Customer
from app.core.unit import reading, work
from cards.contact import consent_of, follow_link, forget_email, know_email, make_link, may_mail, set_wishes, tidy_email
from cards.models.membership import MemberCard
from jobs.reactions_run import run_reactions
from jobs.reminders import remind_members
from tests.support.members import facts_of, join_club, open_club
from tests.support.smtp import post_office

ADDRESS = "lin@example.com"


@pytest.fixture
def office(house):
    with post_office() as opened:
        house.settings = replace(house.settings, smtp_url=opened.url, smtp_from="no-reply@fanka.test", public_url="https://fanka.test")
        yield opened


@pytest.fixture
def lin(house):
    """A member whose gold tier ends in twenty days."""
    club = open_club(house)
    card = join_club(house, club)
    with work(house.engine) as session:
        held = session.get_one(MemberCard, card.id)
        held.tier_id, held.tier_until = club.tiers[2], house.clock.now() + timedelta(days=20)
    return card.customer_id


def tell(house, lin, address=ADDRESS):
    with work(house.engine) as session:
        customer = session.get_one(Customer, lin)
        know_email(session, house.ring, customer=customer, written=address, registry=house.registry, actor="h5", now=house.clock.now())
    run_reactions(house)


def follow(house, link, *, act=True):
    given = dict(part.split("=", 1) for part in link.partition("?")[2].split("&"))
    with work(house.engine) as session:
        return follow_link(session, house.ring, given, now=house.clock.now(), act=act)


def link_in(letter, do):
    return next(word for word in letter.get_content().split() if f"do={do}" in word)


def confirm(house, office, lin):
    tell(house, lin)
    assert follow(house, link_in(office.opened()[0], "confirm")) == "confirm"


def allowed(house, lin):
    with reading(house.engine) as session:
        return may_mail(consent_of(session, lin))


def test_the_address_is_asked_first_and_nothing_else_is_sent_there(house, office, lin):
    tell(house, lin)
    (asked,) = office.opened()
    assert asked["To"] == ADDRESS
    assert not allowed(house, lin)
    assert remind_members(house) == 1
    run_reactions(house)
    assert len(office.letters) == 1
    with reading(house.engine) as session:
        kept = session.get_one(Customer, lin)
        assert ADDRESS.encode() not in (kept.email_sealed or b"")
        assert ADDRESS not in str([each.data for each in session.scalars(select(FactRow))])
        assert ADDRESS not in str([each.detail for each in session.scalars(select(AuditEntry))])


def test_once_confirmed_a_reminder_comes_once_with_a_way_out(house, office, lin):
    confirm(house, office, lin)
    assert allowed(house, lin)
    assert remind_members(house) == 1
    assert facts_of(house, "member.reminded")[0].data["channels"] == ["email", "badge"]
    run_reactions(house)
    assert remind_members(house) == 0
    run_reactions(house)
    _, letter = office.opened()
    assert "您的金卡等级有效期至 2026-12-1" in letter.get_content()
    assert "your tier Gold is safe until" in letter.get_content().lower().replace("gold", "Gold")
    assert letter["List-Unsubscribe"] == f"<{link_in(letter, 'leave')}>"
    assert follow(house, link_in(letter, "leave")) == "leave"
    assert not allowed(house, lin)


def test_who_left_between_the_reminder_and_its_letter_gets_none(house, office, lin):
    confirm(house, office, lin)
    remind_members(house)
    with work(house.engine) as session:
        forget_email(session, customer=session.get_one(Customer, lin), actor="h5", now=house.clock.now())
    run_reactions(house)
    assert len(office.letters) == 1


def test_a_no_to_a_topic_is_obeyed(house, office, lin):
    confirm(house, office, lin)
    with work(house.engine) as session:
        customer = session.get_one(Customer, lin)
        assert set_wishes(session, customer=customer, wanted={("expiry", "email"): False}, actor="h5", now=house.clock.now()) == 1
        assert set_wishes(session, customer=customer, wanted={("expiry", "email"): False}, actor="h5", now=house.clock.now()) == 0
    remind_members(house)
    assert facts_of(house, "member.reminded")[0].data["channels"] == ["badge"]
    run_reactions(house)
    assert len(office.letters) == 1


def test_a_post_office_that_is_away_is_tried_again_under_the_same_number(house, office, lin):
    confirm(house, office, lin)
    remind_members(house)
    office.hang_up.add("END")
    run_reactions(house)
    office.hang_up.clear()
    house.clock.advance(timedelta(minutes=1))
    run_reactions(house)
    numbers = [letter["Message-ID"] for letter in office.opened()[1:]]
    assert len(numbers) == 2
    assert len(set(numbers)) == 1


def test_an_address_that_takes_no_letters_is_left_alone(house, office, lin):
    confirm(house, office, lin)
    office.refuse["RCPT"] = b"550 no such box"
    remind_members(house)
    run_reactions(house)
    assert not allowed(house, lin)
    with reading(house.engine) as session:
        row = session.scalars(select(ReactionRow).where(ReactionRow.name == "send_mail", ReactionRow.state == "failed")).one()
        assert row.last_error == "mail_refused"


def test_a_link_is_about_one_address_and_three_days(house, office, lin):
    tell(house, lin)
    old = link_in(office.opened()[0], "confirm")
    tell(house, lin, "lin@example.org")
    with pytest.raises(ForbiddenError):
        follow(house, old)
    fresh = link_in(office.opened()[1], "confirm")
    with pytest.raises(ForbiddenError):
        follow(house, fresh.replace("do=confirm", "do=leave"))
    house.clock.advance(timedelta(days=3, seconds=1))
    with pytest.raises(ForbiddenError):
        follow(house, fresh)
    assert not allowed(house, lin)


def test_a_link_that_left_stays_left_even_when_an_older_one_confirms(house, office, lin):
    tell(house, lin)
    link = link_in(office.opened()[0], "confirm")
    with reading(house.engine) as session:
        leave = make_link(house.ring, session.get_one(Customer, lin), do="leave", base="", now=house.clock.now())
    follow(house, leave)
    follow(house, link)
    assert not allowed(house, lin)


@pytest.mark.parametrize(
    "wrong", ["", "lin", "lin@", "@example.com", "a@b", "a b@example.com", "a@exa\nmple.com", "<a@b.cn>", "l" * 200 + "@b.cn", "é@b.cn"]
)
def test_what_is_no_address_is_refused(wrong):
    with pytest.raises(BadRequestError):
        tidy_email(wrong)


def test_the_domain_is_kept_in_small_letters():
    assert tidy_email(" Lin.W@Example.COM ") == "Lin.W@example.com"
