"""The review queue at the counter: a supervisor of the store sees and decides, nobody else."""

import pytest
from sqlalchemy import select

from app.core.nouns import Customer
from app.core.people import Device, Position, Role, Staff
from app.core.unit import reading, work
from app.factory import create_app
from cards.fraud import suspect_claim
from cards.models.redemption import Suspicion
from cards.rulebook import define_rule
from tests.support.clerk import Page
from tests.support.orders import LONG_AGO


@pytest.fixture
def earning(counter):
    """One point a yuan."""
    said = {"kind": "spend", "params": {"rate": {"points": 1, "per_fen": 100}}, "name": "消费积分", "valid_from": LONG_AGO}
    with work(counter.house.engine) as session:
        define_rule(session, programme_id=counter.club.programme_id, now=counter.house.clock.now(), actor="Mei", **said)


@pytest.fixture
def boss(house, counter):
    return Page(create_app(house).test_client(), counter, staff=counter.wang)


def make_own(counter, staff):
    """Lin is a member of staff herself: her number is his."""
    with work(counter.house.engine) as session:
        lin = session.get_one(Customer, counter.lin.customer_id)
        who = session.get_one(Staff, staff.id)
        who.phone_sealed, who.phone_lookup = b"sealed", lin.phone_lookup


def book(page, total_fen=32_050):
    found = page.post("member", {"key": "13800000003"}).json
    return page.post("purchases", {"customer": found["customer"], "sight": found["sight"], "total_fen": total_fen})


def test_a_colleagues_order_waits_and_the_supervisor_releases_it(page, boss, counter, earning):
    with work(counter.house.engine) as session:
        store_id = session.scalars(select(Device.store_id).limit(1)).one()
        wu = Staff(login="wu", name="吴", password_hash="-", created_at=counter.house.clock.now())
        session.add(wu)
        session.flush()
        session.add(Position(staff_id=wu.id, role=Role.CLERK, store_id=store_id, given_at=counter.house.clock.now()))
    make_own(counter, wu)
    assert book(page).json["points"] == 0
    assert page.get("recent").json["reviews"] == 0
    assert page.get("reviews").status_code == 403
    with work(counter.house.engine) as session:
        session.scalars(select(Suspicion)).one().staff_id = counter.chen.id
    assert boss.get("recent").json["reviews"] == 1
    (case,) = boss.get("reviews").json["cases"]
    assert (case["kind"], case["holds_points"], case["detail"]["total_fen"], case["by"]) == ("own_credit", True, 32_050, "陈晨")
    assert case["customer"]["phone"] == "138****0003"
    place = f"reviews/{case['id']}"
    assert page.post(place, {"decision": "release", "reason": "x"}).status_code == 403
    assert boss.post(place, {"decision": "release", "reason": " "}).status_code == 422
    assert boss.post(place, {"decision": "later", "reason": "x"}).status_code == 422
    assert boss.post(place, {"decision": "release", "reason": "员工自购已核对"}).json["state"] == "cleared"
    assert boss.post(place, {"decision": "refuse", "reason": "x"}).status_code == 409
    assert boss.get("recent").json["reviews"] == 0
    found = boss.post("member", {"key": "13800000003"}).json
    assert found["points"] + found["pending"] == 100 + 320


def test_a_supervisor_does_not_release_what_he_bought_himself(page, boss, counter, earning):
    make_own(counter, counter.wang)
    assert book(page).json["points"] == 0
    (case,) = boss.get("reviews").json["cases"]
    refused = boss.post(f"reviews/{case['id']}", {"decision": "release", "reason": "自己的"})
    assert (refused.status_code, refused.json["code"]) == (409, "own_case")


def test_booking_for_oneself_is_refused_and_seen(page, boss, counter, earning):
    make_own(counter, counter.chen)
    assert book(page).json["code"] == "own_purchase"
    (case,) = boss.get("reviews").json["cases"]
    assert (case["kind"], case["by"], case["holds_points"]) == ("own_purchase", "陈晨", False)


def test_what_happened_elsewhere_does_not_exist_here(boss, counter):
    with work(counter.house.engine) as session:
        now = counter.house.clock.now()
        row = suspect_claim(session, "second_account", customer_id=counter.lin.customer_id, device=None, now=now)
        public_id = row.public_id
    assert boss.get("reviews").json["cases"] == []
    assert boss.post(f"reviews/{public_id}", {"decision": "release", "reason": "x"}).status_code == 404
    with reading(counter.house.engine) as session:
        assert session.scalars(select(Suspicion.state)).one() == "open"
