"""The queue of receipts at the counter: seen with the picture at its own store, decided once, never by its own sender."""

import io
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from PIL import Image
from sqlalchemy import select

from app.core.clock import business_day
from app.core.nouns import Customer
from app.core.people import Staff
from app.core.unit import reading, work
from app.factory import create_app
from app.web.clerk.door import HEADER
from cards.models.programme import Programme
from cards.models.receipts import Receipt
from cards.models.redemption import Suspicion
from cards.receipts.sending import Told, send
from cards.rulebook import define_rule
from tests.support.clerk import Page
from tests.support.orders import LONG_AGO
from tests.support.receipts import SMALL


@pytest.fixture(autouse=True)
def earning(counter):
    """One point a yuan."""
    said = {"kind": "spend", "params": {"rate": {"points": 1, "per_fen": 100}}, "name": "消费积分", "valid_from": LONG_AGO}
    with work(counter.house.engine) as session:
        define_rule(session, programme_id=counter.club.programme_id, now=counter.house.clock.now(), actor="Mei", **said)


def snap(counter, number="88201", *, store=None, fen=88_500) -> UUID:
    house = counter.house
    with work(house.engine) as session:
        told = Told(number, fen, business_day(house.clock.now()) - timedelta(days=1))
        sent = send(
            session,
            house.ring,
            told,
            store_id=(store or counter.store).public_id,
            picture=SMALL,
            form_key=uuid4(),
            customer=session.get_one(Customer, counter.lin.customer_id),
            programme=session.get_one(Programme, counter.club.programme_id),
            device=None,
            now=house.clock.now(),
        )
        return sent.public_id


def state(counter, receipt):
    with reading(counter.house.engine) as session:
        return session.scalars(select(Receipt).where(Receipt.public_id == receipt)).one()


def test_a_clerk_sees_the_picture_corrects_and_approves_once(page, counter):
    receipt = snap(counter)
    assert page.get("recent").json["receipts"] == 1
    (case,) = page.get("receipts").json["receipts"]
    assert (case["number"], case["amount_fen"], case["customer"]) == ("88201", 88_500, {"name": "林*", "phone": "138****0003"})
    picture = page.get(f"receipts/{receipt}/picture")
    with Image.open(io.BytesIO(picture.data)) as drawn:
        assert drawn.size == (60, 90)
    assert (picture.headers["Content-Type"], picture.headers["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    assert "no-store" in picture.headers["Cache-Control"]
    verdict = {"decision": "approve", "reason": "金额按照片", "amount_fen": 8_850, "number": "88201", "paid_on": case["paid_on"]}
    done = page.post(f"receipts/{receipt}", verdict)
    assert done.json == {"decided": str(receipt), "state": "credited", "points": 88}
    assert page.post(f"receipts/{receipt}", verdict).status_code == 409
    assert page.get("receipts").json["receipts"] == []
    assert page.get("recent").json["receipts"] == 0
    # What is decided has been looked at.
    assert page.get(f"receipts/{receipt}/picture").status_code == 404
    # Looking at a receipt is no sale of one's own.
    assert page.get("shift").json["own"]["booked"] == 0
    row = state(counter, receipt)
    assert (row.decided_by, row.amount_fen) == ("陈晨", 8_850)


@pytest.mark.parametrize(
    "wrong",
    [
        {"decision": "later"},
        {"reason": " "},
        {"amount_fen": -1},
        {"amount_fen": 1.5},
        {"paid_on": "2026-13-01"},
        {"paid_on": "2026-12-01"},
        {"number": "--"},
        {"points": 1000},
    ],
)
def test_a_verdict_that_cannot_be_read_changes_nothing(page, counter, wrong):
    receipt = snap(counter)
    assert page.post(f"receipts/{receipt}", {"decision": "approve", "reason": "x", **wrong}).status_code == 422
    assert state(counter, receipt).state == "waiting"


def test_another_store_a_foreign_page_and_nobody_see_nothing(page, counter, house):
    receipt = snap(counter, store=counter.other)
    assert page.get("receipts").json["receipts"] == []
    assert page.get(f"receipts/{receipt}/picture").status_code == 404
    assert page.post(f"receipts/{receipt}", {"decision": "approve", "reason": "x"}).status_code == 404
    here = snap(counter, "88202")
    assert page.web.get(f"/clerk/api/receipts/{here}/picture").status_code == 403
    assert create_app(house).test_client().get(f"/clerk/api/receipts/{here}/picture", headers={HEADER: "1"}).status_code == 401
    assert state(counter, receipt).state == state(counter, here).state == "waiting"


def test_his_own_receipt_is_refused_to_him_and_seen_by_the_supervisor(page, counter, house):
    receipt = snap(counter)
    with work(house.engine) as session:
        lin = session.get_one(Customer, counter.lin.customer_id)
        chen = session.get_one(Staff, counter.chen.id)
        chen.phone_sealed, chen.phone_lookup = b"sealed", lin.phone_lookup
    refused = page.post(f"receipts/{receipt}", {"decision": "approve", "reason": "x"})
    assert (refused.status_code, refused.json["code"]) == (409, "own_receipt")
    with reading(house.engine) as session:
        seen = session.scalars(select(Suspicion)).one()
    assert (seen.kind, seen.staff_id, seen.detail) == ("own_purchase", counter.chen.id, {"receipt": str(receipt)})
    boss = Page(create_app(house).test_client(), counter, staff=counter.wang)
    assert boss.post(f"receipts/{receipt}", {"decision": "refuse", "reason": "不是本店小票"}).json["state"] == "refused"
