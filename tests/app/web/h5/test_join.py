"""Becoming a member: consent first, the gift at once, one card however often it is pressed, and nobody's number is taken from him."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from app.core.facts import FactRow
from app.core.nouns import AuditEntry, Customer, Store
from app.core.unit import reading, work
from cards.enrolment import enrol
from cards.ledger.verify import verify
from cards.models.ledger import Wallet
from cards.models.membership import CardPath, MemberCard
from cards.old_numbers import keep_old_number
from cards.phones import find_by_phone
from tests.support.cast import LIN, ZHAO


def send(web, counter, openid="oLin", **more):
    cookie = counter.log_in(web, openid)
    form = {"csrf": counter.csrf(cookie), "phone": LIN.phone, "agree": "on", "next": "/me", **more}
    return web.post("/join", data={name: value for name, value in form.items() if value is not None})


def count(house, table):
    with reading(house.engine) as session:
        return session.scalar(select(func.count()).select_from(table))


def test_the_card_and_its_gift_are_there_at_once(web, house, counter):
    answer = send(web, counter)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me?hello=gift")
    page = web.get("/me?hello=gift").get_data(as_text=True)
    assert "开卡成功，200 积分开卡礼已到账" in page
    assert 'id="points">200<' in page
    assert "未绑定手机号" not in page
    with reading(house.engine) as session:
        card = session.scalars(select(MemberCard)).one()
        assert card.opened_by == CardPath.H5
        assert [each.id for each in find_by_phone(session, house.ring, LIN.phone)] == [card.customer_id]
        assert verify(session) == []


def test_what_he_agreed_to_is_on_record(web, house, counter):
    send(web, counter)
    with reading(house.engine) as session:
        fact = session.scalars(select(FactRow).where(FactRow.kind == "privacy.accepted")).one()
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "privacy.accepted")).one()
    assert fact.data == entry.detail == {"version": "2026-11", "purpose": "membership", "via": "h5", "language": "zh"}
    assert LIN.phone not in str(entry.detail)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"agree": None}, "请先阅读并同意"), ({"phone": "12"}, "11 位数字"), ({"phone": ""}, "11 位数字"), ({"phone": "<b>1"}, "11 位数字")],
)
def test_without_consent_or_number_nothing_is_kept(web, house, counter, wrong, said):
    answer = send(web, counter, **wrong)
    assert answer.status_code in (400, 422)
    assert said in answer.get_data(as_text=True)
    assert "<b>1" not in answer.get_data(as_text=True)
    assert count(house, Customer) == 0
    assert count(house, MemberCard) == 0


def test_a_form_of_another_session_is_refused(web, counter, house):
    counter.log_in(web, "oLin")
    stolen = counter.csrf(counter.cookie("oZhao"))
    assert web.post("/join", data={"csrf": stolen, "phone": LIN.phone, "agree": "on"}).status_code == 403
    assert count(house, MemberCard) == 0


def test_pressing_twice_at_once_makes_one_card(house, counter):
    from app.factory import create_app

    application, answers = create_app(house), []

    def press():
        answers.append(send(application.test_client(), counter).status_code)

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [303] * 4
    assert count(house, MemberCard) == 1
    with reading(house.engine) as session:
        assert session.scalar(select(func.sum(Wallet.active)).where(Wallet.kind == "points")) == 200


def test_a_typed_number_takes_nothing_from_who_has_it(web, house, counter):
    send(web, counter)
    answer = send(web, counter, openid="oZhao")
    assert answer.headers["Location"] == "/me?hello=gift-counter"
    page = web.get("/me?hello=gift-counter").get_data(as_text=True)
    assert "请在门店由店员核对后绑定" in page
    with reading(house.engine) as session:
        assert len(find_by_phone(session, house.ring, LIN.phone)) == 1
        assert count(house, MemberCard) == 2


def old_member(house, counter):
    """Somebody a clerk enrolled long ago, who is not on WeChat."""
    with work(house.engine) as session:
        common = {"registry": house.registry, "actor": "Chen", "now": house.clock.now()}
        return enrol(session, house.ring, phone=LIN.phone, programme_id=counter.programme_id, path=CardPath.CLERK, **common).card.number


def test_an_old_member_proves_himself_by_his_cards_number(web, house, counter):
    number = old_member(house, counter)
    assert send(web, counter, old=number).headers["Location"].startswith("/me?hello=")
    with reading(house.engine) as session:
        (customer,) = find_by_phone(session, house.ring, LIN.phone)
        assert session.execute(text("SELECT joined_into_id FROM customer WHERE id <> :own"), {"own": customer.id}).scalar() == customer.id
        assert verify(session) == []


def test_a_number_that_can_be_guessed_is_no_proof(web, house, counter):
    number = old_member(house, counter)
    with work(house.engine) as session:
        keep_old_number(session, house.ring, session.scalars(select(MemberCard).where(MemberCard.number == number)).one(), "VIP00001")
    answer = send(web, counter, openid="oZhao", old="VIP00001")
    assert answer.status_code == 422
    assert "卡号与手机号不符" in answer.get_data(as_text=True)
    assert count(house, Customer) == 1


def test_a_wrong_number_binds_nobody(web, house, counter):
    old_member(house, counter)
    answer = send(web, counter, openid="oZhao", old="8000000000000000")
    assert answer.status_code == 422
    assert "卡号与手机号不符" in answer.get_data(as_text=True)
    assert count(house, Customer) == 1


def test_numbers_cannot_be_tried_out(web, house, counter):
    for _ in range(10):
        send(web, counter, openid="oZhao", phone="1")
    refused = send(web, counter, openid="oZhao", phone=ZHAO.phone)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    house.clock.advance(timedelta(days=1, seconds=1))
    assert send(web, counter, openid="oZhao", phone=ZHAO.phone).status_code == 303


def test_a_stores_code_is_remembered_with_the_card(web, house, counter):
    with reading(house.engine) as session:
        store = str(session.get_one(Store, counter.store_ids[1]).public_id)
    counter.log_in(web, "oLin")
    assert f'name="store" value="{store}"' in web.get(f"/join?store={store}").get_data(as_text=True)
    send(web, counter, store=store)
    with reading(house.engine) as session:
        card = session.scalars(select(MemberCard)).one()
    assert (card.store_id, card.opened_by) == (counter.store_ids[1], CardPath.QR)
    send(web, counter, openid="oZhao", phone=ZHAO.phone, store="nowhere")
    assert count(house, MemberCard) == 2


def test_who_has_a_card_goes_on(web, counter):
    counter.member("oLin")
    counter.log_in(web, "oLin")
    assert web.get("/join?next=/me/coupons").headers["Location"] == "/me/coupons"
