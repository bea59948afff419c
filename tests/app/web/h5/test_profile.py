"""What a member tells of himself: kept sealed, rewarded once when it is full, and what he wants to hear is obeyed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.facts import FactRow
from app.core.nouns import Customer
from app.core.unit import reading, work
from cards.contact import consent_of, know_email, make_link, may_mail
from cards.models.contact import ContactWish
from cards.models.ledger import Wallet
from cards.models.membership import MemberCard
from cards.phones import know_phone
from cards.rulebook import define_rule
from jobs.reactions_run import run_reactions
from tests.support.cast import LIN


def send(web, counter, path="/me/profile", **form):
    cookie = counter.log_in(web, "oLin")
    return web.post(path, data={"csrf": counter.csrf(cookie), **form})


@pytest.fixture
def lin(house, counter):
    """A member with a phone, and 50 points for a full profile."""
    house.settings = replace(house.settings, smtp_url="smtp://127.0.0.1:9", public_url="http://localhost")
    customer_id = counter.member()
    with work(house.engine) as session:
        now = house.clock.now()
        know_phone(session, house.ring, customer=session.get_one(Customer, customer_id), phone=LIN.phone, actor="Chen", now=now)
        define_rule(
            session,
            programme_id=counter.programme_id,
            name="完善资料",
            kind="form_completed",
            params={"points": 50, "forms": ["profile"]},
            caps=[{"span": "ever", "times": 1}],
            unit_id=counter.unit_id,
            now=now,
            actor="Mei",
        )
    return customer_id


def points(house, lin):
    with reading(house.engine) as session:
        return session.scalar(select(Wallet.active).where(Wallet.customer_id == lin, Wallet.kind == "points"))


def test_a_full_profile_is_rewarded_once(web, house, counter, lin):
    before = points(house, lin)
    page = web.get("/me/profile", headers={"Cookie": f"fanka_me={counter.log_in(web, 'oLin')}"}).get_data(as_text=True)
    assert "得 50 积分" in page
    assert send(web, counter, name="林 小雨", birthday="05-20").headers["Location"] == "/me/profile?kept=1"
    run_reactions(house)
    assert points(house, lin) == (before or 0) + 50
    send(web, counter, name="林小雨", birthday="05-20")
    run_reactions(house)
    assert points(house, lin) == (before or 0) + 50
    page = web.get("/me/profile?kept=1").get_data(as_text=True)
    assert "得 50 积分" not in page
    assert "林小雨" in page
    assert "填写会员资料得 50 积分" in web.get("/me/rules").get_data(as_text=True)
    with reading(house.engine) as session:
        kept = session.get_one(Customer, lin)
        assert "林".encode() not in (kept.name_sealed or b"")
        assert "林" not in str([row.data for row in session.scalars(select(FactRow))])


def test_half_a_profile_brings_nothing(web, house, counter, lin):
    before = points(house, lin)
    send(web, counter, name="林小雨")
    run_reactions(house)
    assert points(house, lin) == before
    assert "待完善" in web.get("/me").get_data(as_text=True)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"birthday": "13-45"}, "MM-DD"),
        ({"name": "长" * 40}, "1 到 32 个字"),
        ({"email": "lin@"}, "邮箱格式不对"),
        ({"name": "a", "email": "<b>"}, "邮箱格式不对"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_kept(web, house, counter, lin, form, said):
    answer = send(web, counter, **form)
    assert answer.status_code in (400, 422)
    page = answer.get_data(as_text=True)
    assert said in page
    assert "<b>" not in page.partition("<form")[2].partition("邮箱格式")[0]
    with reading(house.engine) as session:
        kept = session.get_one(Customer, lin)
        assert (kept.name_sealed, kept.email_sealed) == (None, None)


def test_a_birthday_is_told_once(web, house, counter, lin):
    send(web, counter, birthday="05-20")
    assert send(web, counter, birthday="05-21").status_code == 409
    with reading(house.engine) as session:
        card = session.scalars(select(MemberCard)).one()
        assert house.ring.open(card.birthday_sealed, table="member_card", column="birthday_sealed", row=card.public_id) == "05-20"


def test_an_address_can_be_given_confirmed_and_taken_back(web, house, counter, lin):
    send(web, counter, email="lin@example.com")
    assert "已发确认信" in web.get("/me/profile").get_data(as_text=True)
    with reading(house.engine) as session:
        link = make_link(house.ring, session.get_one(Customer, lin), do="confirm", base="", now=house.clock.now())
    asked = web.get(link)
    assert "确认接收" in asked.get_data(as_text=True)
    with reading(house.engine) as session:
        assert not may_mail(consent_of(session, lin))
    assert "邮箱已确认" in web.post(link).get_data(as_text=True)
    with reading(house.engine) as session:
        assert may_mail(consent_of(session, lin))
    send(web, counter, email="")
    with reading(house.engine) as session:
        assert session.get_one(Customer, lin).email_sealed is None
        assert not may_mail(consent_of(session, lin))


def test_a_mail_programs_button_stops_the_letters(web, house, counter, lin):
    with work(house.engine) as session:
        customer = session.get_one(Customer, lin)
        know_email(
            session, house.ring, customer=customer, written="lin@example.com", registry=house.registry, actor="h5", now=house.clock.now()
        )
        link = make_link(house.ring, customer, do="leave", base="", now=house.clock.now())
    assert web.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert web.post(link.replace("w=", "w=0")).status_code == 403
    with reading(house.engine) as session:
        consent = consent_of(session, lin)
        assert consent is not None
        assert consent.revoked_at is not None


def test_wishes_are_kept_and_shown(web, house, counter, lin):
    send(web, counter, "/me/wishes", expiry_service="on", tier_email="on")
    with reading(house.engine) as session:
        held = {(each.topic, each.channel): each.wanted for each in session.scalars(select(ContactWish))}
    assert held == {("expiry", "email"): False, ("greeting", "service"): False, ("greeting", "email"): False, ("tier", "service"): False}
    page = web.get("/me/profile").get_data(as_text=True)
    assert page.count(" checked") == 2
    assert 'name="expiry_service" checked' in page


def test_forms_of_another_session_are_refused(web, house, counter, lin):
    counter.log_in(web, "oLin")
    stolen = counter.csrf(counter.cookie("oZhao"))
    for path in ("/me/profile", "/me/wishes"):
        assert web.post(path, data={"csrf": stolen, "name": "赵"}).status_code == 403


def test_letters_cannot_be_had_without_end(web, house, counter, lin):
    for number in range(10):
        send(web, counter, email=f"lin{number}@example.com")
    assert send(web, counter, email="zhao@example.com").status_code == 429
    house.clock.advance(timedelta(days=1, seconds=1))
    assert send(web, counter, email="zhao@example.com").status_code == 303


def test_the_card_page_shows_what_is_about_to_end(web, house, counter, lin):
    counter.earn_until(lin, 120, days=10)
    first, second = counter.template("满减券", days_valid=2), counter.template("停车券", days_valid=2)
    for template in (first, second):
        counter.give(lin, template)
    counter.log_in(web, "oLin")
    page = web.get("/me").get_data(as_text=True)
    assert "您有 120 积分将于 12-02 后到期" in page
    assert "有效期至 11-2" in page
    assert "另有 1 张快到期" in page
    assert page.count('class="box badges"') == 1
    assert "120 points expire after 12-02" in web.get("/me?lang=en").get_data(as_text=True)


def test_a_card_page_without_news_has_no_signs(web, counter, lin):
    counter.log_in(web, "oLin")
    assert "badges" not in web.get("/me").get_data(as_text=True)
