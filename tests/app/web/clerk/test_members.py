"""Members at the counter, a card on the spot, a purchase booked, a shift handed over."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.core.nouns import BusinessUnit, Customer
from app.core.people import Shift
from app.core.unit import reading, work
from app.factory import create_app
from app.web.clerk import members
from cards.ledger.verify import verify
from cards.models.membership import MemberCard
from cards.models.orders import Purchase
from cards.rulebook import define_rule
from jobs.crm import ask_due
from tests.support.clerk import Page
from tests.support.crm import open_crm
from tests.support.orders import LONG_AGO


@pytest.fixture
def earning(counter):
    """One point a yuan."""
    said = {"kind": "spend", "params": {"rate": {"points": 1, "per_fen": 100}}, "name": "消费积分", "valid_from": LONG_AGO}
    with work(counter.house.engine) as session:
        define_rule(session, programme_id=counter.club.programme_id, now=counter.house.clock.now(), actor="Mei", **said)


def test_a_member_is_found_by_phone_or_number_and_seen_masked(page, counter):
    coupon = counter.coupon()
    for key in ("138 0000 0003", "+8613800000003", counter.lin.number):
        found = page.post("member", {"key": key}).json
        assert (found["name"], found["phone"], found["tier"], found["points"]) == ("林*", "138****0003", "普通", 100)
        assert [each["id"] for each in found["coupons"]] == [str(coupon.public_id)]
        # Only who shows his moving code is there himself.
        assert found["ticket"] is None
        assert "13800000003" not in str(found)
        assert counter.lin.number not in str(found)
    missing = page.post("member", {"key": "13900000000"})
    assert (missing.status_code, missing.json["code"]) == (404, "no_member")


def test_a_card_is_opened_once_however_often_it_is_asked(page, counter):
    key = str(uuid4())
    first = page.post("cards", {"phone": "13700001111"}, key=key).json
    assert (first["fresh"], first["gift_points"], first["member"]["points"]) == (True, 100, 100)
    assert page.post("cards", {"phone": "13700001111"}, key=key).headers["Idempotency-Hit"] == "true"
    again = page.post("cards", {"phone": "137-0000-1111"}).json
    assert (again["fresh"], again["member"]["number"]) == (False, first["member"]["number"])
    bad = page.post("cards", {"phone": "12345"})
    assert (bad.status_code, bad.json["code"]) == (400, "bad_phone")
    with work(counter.house.engine) as session:
        card = session.scalars(select(MemberCard).where(MemberCard.public_id != counter.lin.public_id)).one()
        assert (card.opened_by, card.store_id, card.staff_id) == ("clerk", counter.store.id, counter.chen.id)


def test_a_card_opened_at_the_counter_asks_the_crm(page, counter):
    with reading(counter.house.engine) as session:
        unit = session.get_one(BusinessUnit, counter.store.business_unit_id).name
    with open_crm() as crm:
        crm.connect(counter.house, unit)
        crm.know("13700001111")
        first = page.post("cards", {"phone": "13700001111"}).json
        assert (first["fresh"], first["member"]["points"]) == (True, 100)
        ask_due()
    assert page.post("member", {"key": "13700001111"}).json["points"] == 1300


def test_a_purchase_is_booked_once_with_its_points(page, counter, earning, clock):
    found = page.post("member", {"key": "13800000003"}).json
    body = {"customer": found["customer"], "sight": found["sight"], "total_fen": 32_050, "order_no": "A-1001"}
    key = str(uuid4())
    booked = page.post("purchases", body, key=key).json
    assert (booked["fresh"], booked["points"], booked["total_fen"], booked["name"]) == (True, 320, 32_050, "林*")
    assert page.post("purchases", body, key=key).headers["Idempotency-Hit"] == "true"
    clock.advance(timedelta(minutes=9))
    assert page.post("purchases", {"key": "13800000003", "total_fen": 32_050, "order_no": "A-1001"}).json["fresh"] is False
    other = page.post("purchases", {"key": "13800000003", "total_fen": 99_900, "order_no": "A-1001"})
    assert (other.status_code, other.json["code"]) == (409, "order_differs")
    with work(counter.house.engine) as session:
        assert [purchase.order_no for purchase in session.scalars(select(Purchase))] == ["NJX-A-1001"]
        assert verify(session) == []


def test_without_a_sight_or_for_oneself_nothing_is_booked(page, counter):
    with work(counter.house.engine) as session:
        lin = session.get_one(Customer, counter.lin.customer_id).public_id
        chen = session.merge(counter.chen)
        chen.phone_sealed = counter.house.ring.seal("13800000003", table="staff", column="phone_sealed", row=chen.public_id)
    unseen = page.post("purchases", {"customer": str(lin), "total_fen": 100})
    assert (unseen.status_code, unseen.json["code"]) == (404, "no_customer")
    with work(counter.house.engine) as session:
        session.merge(counter.chen).phone_lookup = counter.house.ring.lookup_hash("13800000003", kind="phone")
    own = page.post("purchases", {"key": "13800000003", "total_fen": 100})
    assert (own.status_code, own.json["code"]) == (409, "own_purchase")
    for wrong in ({"total_fen": 0}, {"total_fen": -5}, {"total_fen": 100, "order_no": "一号"}):
        assert page.post("purchases", {"key": "13800000003", **wrong}).status_code == 422
    with work(counter.house.engine) as session:
        assert session.scalars(select(Purchase)).all() == []


def test_a_shift_adds_up_is_handed_over_once_and_ends_the_log_in(house, page, counter, clock):
    coupons = [counter.coupon() for _ in range(3)]
    uses = [page.redeem(page.post("preview", {"code": each.code}).json["ticket"]).json["use"] for each in coupons]
    page.post("undo", {"use": uses[0]})
    page.post("preview", {"code": coupons[1].code})
    page.post("cards", {"phone": "13700001111"})
    page.post("purchases", {"key": "13700001111", "total_fen": 5_000})
    clock.advance(timedelta(minutes=1))
    told = page.get("shift").json
    own = {name: value for name, value in told["own"].items() if name not in ("login", "name")}
    assert own == {
        "redeemed": 2,
        "discount_fen": 20_000,
        "pay_fen": 19_800,
        "undone": 1,
        "refused": 1,
        "booked": 1,
        "booked_fen": 5_000,
        "cards": 1,
    }
    assert [(each["redeemed"], each["discount_fen"]) for each in told["by_unit"]] == [(2, 20_000)]
    wang = Page(create_app(house).test_client(), counter, staff=counter.wang)
    assert wang.get("shift").json["own"]["redeemed"] == 0
    key = str(uuid4())
    closed = page.post("shift/close", {}, key=key)
    assert (closed.status_code, closed.json["totals"]["pay_fen"]) == (200, 19_800)
    assert page.get("recent").json["code"] == "not_logged_in"
    again = Page(create_app(house).test_client(), counter)
    clock.advance(timedelta(minutes=1))
    assert again.get("shift").json["own"]["redeemed"] == 0
    with work(house.engine) as session:
        shifts = session.scalars(select(Shift).where(Shift.staff_id == counter.chen.id).order_by(Shift.id)).all()
    assert [shift.closed_at is None for shift in shifts] == [False, True]
    assert shifts[0].totals["redeemed"] == 2


def test_a_supervisor_sees_everybody_a_clerk_himself(house, page, counter, clock):
    page.redeem(page.post("preview", {"code": counter.coupon().code}).json["ticket"])
    wang = Page(create_app(house).test_client(), counter, staff=counter.wang, device_token=counter.pair())
    wang.redeem(wang.post("preview", {"code": counter.coupon().code}).json["ticket"])
    clock.advance(timedelta(minutes=1))
    assert {each["name"] for each in wang.get("shift").json["by_clerk"]} == {"王敏", "陈晨"}
    assert [each["name"] for each in page.get("shift").json["by_clerk"]] == ["陈晨"]


def test_nobody_reads_the_list_of_members_by_trying_numbers(page, monkeypatch):
    monkeypatch.setattr(members, "MOST_LOOK_UPS", 3)
    heard = [page.post("member", {"key": f"1390000000{number}"}).status_code for number in range(5)]
    assert heard == [404, 404, 404, 429, 429]
