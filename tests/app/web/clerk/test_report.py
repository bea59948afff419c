"""The report at the counter: who sees which figures, of which days and which part of the store; terminals; and a department's own world."""

from datetime import timedelta

import pytest

from app.core import departments, staffing
from app.core.logins import pair_device
from app.core.nouns import BusinessUnit
from app.core.people import Role
from app.core.staffing import Place
from app.core.unit import work
from cards.models.orders import Purchase, PurchaseReturn
from tests.support.clerk import PASSWORD, Page


@pytest.fixture
def app(house):
    from app.factory import create_app

    return create_app(house)


def take_on(counter, login, role, place):
    house = counter.house
    with work(house.engine) as session:
        made = staffing.add_staff(session, house.ring, login=login, name=login, password=PASSWORD, actor="t", now=house.clock.now())
        staffing.give_position(session, made, role=role, place=place, actor="t", now=house.clock.now())
    return made


def sell(counter, store, number, fen, *, back_fen=0):
    """A purchase that came from a till, and what was brought back of it."""
    now = counter.house.clock.now()
    with work(counter.house.engine) as session:
        row = {"programme_id": counter.club.programme_id, "source": "pos", "order_no": number, "store_id": store.id, "actor": "till"}
        bought = Purchase(**row, business_unit_id=store.business_unit_id, paid_at=now, booked_at=now, total_fen=fen, content_hash="x" * 64)
        session.add(bought)
        session.flush()
        if back_fen:
            said = {"purchase_id": bought.id, "source": "pos", "return_no": f"R-{number}", "actor": "till", "refund_fen": back_fen}
            session.add(PurchaseReturn(**said, returned_at=now, booked_at=now, content_hash="x" * 64))


def redeem(page, counter):
    answer = page.redeem(page.post("preview", {"code": counter.coupon().code}).json["ticket"])
    assert answer.status_code == 200, answer.json


def test_clerks_are_ranked_by_what_they_did_and_stores_by_their_sales(counter, app):
    chen, wang = Page(app.test_client(), counter), Page(app.test_client(), counter, staff=counter.wang)
    for _ in range(2):
        redeem(wang, counter)
    redeem(chen, counter)
    chen.post("cards", {"phone": "13700001111"})
    sell(counter, counter.store, "A-1", 50_000, back_fen=20_000)
    sell(counter, counter.other, "B-1", 40_000)
    with work(counter.house.engine) as session:
        unit = session.get_one(BusinessUnit, counter.store.business_unit_id)
        staffing.give_position(session, counter.wang, role=Role.FINANCE, unit=unit, actor="t", now=counter.house.clock.now())
    told = wang.get("report").json
    assert [(each["name"], each["redeemed"], each["pay_fen"], each["cards"]) for each in told["clerks"]] == [
        ("王敏", 2, 19_800, 0),
        ("陈晨", 1, 9_900, 1),
    ]
    assert [(each["rank"], each["code"], each["sales_fen"], each["redeemed"], each["cards"], each["here"]) for each in told["stores"]] == [
        (1, "PD", 40_000, 0, 0, False),
        (2, "NJX", 30_000, 3, 1, True),
    ]
    assert (told["sales_fen"], told["units"][0]["redeemed"], told["units"][0]["discount_fen"]) == (30_000, 3, 30_000)
    assert (told["from"], told["to"], told["department"]) == ("2026-11-22", "2026-11-22", None)


def test_only_stores_he_may_report_on_are_ranked(counter, app):
    wang = Page(app.test_client(), counter, staff=counter.wang)
    sell(counter, counter.other, "B-1", 40_000)
    assert [each["code"] for each in wang.get("report").json["stores"]] == ["NJX"]


def test_a_span_of_days_is_in_shanghai_and_has_an_end(counter, app, clock):
    wang = Page(app.test_client(), counter, staff=counter.wang)
    redeem(wang, counter)
    clock.advance(timedelta(hours=13))
    again = Page(app.test_client(), counter, staff=counter.wang)
    redeem(again, counter)
    assert [each["redeemed"] for each in again.get("report").json["clerks"]] == [1]
    assert [each["redeemed"] for each in again.get("report?from=2026-11-22&to=2026-11-23").json["clerks"]] == [2]
    assert again.get("report?from=2026-11-22").json["to"] == "2026-11-22"
    for wrong in ("from=2026-11-23&to=2026-11-22", "from=never", "from=2024-01-01&to=2026-11-22", "from=0001-01-01", "to=9999-12-31"):
        refused = again.get(f"report?{wrong}")
        assert (refused.status_code, refused.json["code"]) == (400, "bad_days"), wrong


def test_a_shift_that_was_handed_over_is_listed_with_its_totals(counter, app):
    chen, wang = Page(app.test_client(), counter), Page(app.test_client(), counter, staff=counter.wang)
    redeem(chen, counter)
    assert chen.post("shift/close", {}).status_code == 200
    (turn,) = wang.get("report").json["shifts"]
    assert (turn["name"], turn["redeemed"], turn["discount_fen"], turn["pay_fen"]) == ("陈晨", 1, 10_000, 9_900)


def test_a_clerk_has_no_report_and_a_supervisor_no_staff(counter, app):
    chen, wang = Page(app.test_client(), counter), Page(app.test_client(), counter, staff=counter.wang)
    assert [chen.get(path).status_code for path in ("report", "terminals", "staff")] == [403] * 3
    assert [wang.get(path).status_code for path in ("report", "terminals", "staff")] == [200, 200, 403]
    device = wang.get("terminals").json["terminals"][0]["id"]
    assert wang.post(f"devices/{device}/cut", {}).status_code == 403


def test_a_manager_checks_terminals_and_cuts_one_off(counter, app):
    li = Page(app.test_client(), counter, staff=take_on(counter, "li", Role.MANAGER, Place(store=counter.store)))
    second = counter.pair()
    elsewhere = counter.pair(counter.other)
    told = li.get("terminals").json["terminals"]
    assert [(each["state"], each["own"], each["seen_at"] is None) for each in told] == [("paired", False, True), ("paired", True, False)]
    assert {each["store"] for each in told} == {"NJX"}
    used = Page(app.test_client(), counter, device_token=second)
    assert used.get("me").json["state"] == "in"
    victim = next(each["id"] for each in told if not each["own"])
    assert li.post(f"devices/{victim}/cut", {}).json["state"] == "cut_off"
    assert used.get("me").json["state"] == "unpaired"
    assert li.post(f"devices/{victim}/cut", {}).status_code == 409
    foreign = Page(app.test_client(), counter, staff=_boss_of(counter, counter.other), device_token=elsewhere)
    hidden = next(each["id"] for each in foreign.get("terminals").json["terminals"])
    assert li.post(f"devices/{hidden}/cut", {}).status_code == 404


def _boss_of(counter, store):
    return take_on(counter, "zhao", Role.MANAGER, Place(store=store))


@pytest.fixture
def shoes(counter):
    """鞋履部 with a device of its own, its supervisor 孙 and its clerk 周."""
    house = counter.house
    with work(house.engine) as session:
        made = departments.add_department(session, counter.store, code="SHOES", name="鞋履部", actor="t", now=house.clock.now())
        common = {"actor": "t", "now": house.clock.now()}
        code, _ = staffing.offer_pairing(session, counter.store, name="鞋履部", department=made, **common)
    token, _ = pair_device(house, code=code, address="t")
    place = Place(department=made)
    return made, token, take_on(counter, "sun", Role.SUPERVISOR, place), take_on(counter, "zhou", Role.CLERK, place)


def test_a_departments_supervisor_sees_his_department_and_nothing_else(counter, app, shoes):
    department, token, sun, zhou = shoes
    chen, clerk = Page(app.test_client(), counter), Page(app.test_client(), counter, staff=zhou, device_token=token)
    redeem(chen, counter)
    redeem(clerk, counter)
    clerk.post("cards", {"phone": "13700001111"})
    own = Page(app.test_client(), counter, staff=sun, device_token=token)
    told = own.get("report").json
    assert [(each["login"], each["redeemed"], each["cards"]) for each in told["clerks"]] == [("zhou", 1, 1)]
    assert (told["department"]["name"], told["stores"], told["shifts"]) == ("鞋履部", [], [])
    assert [each["redeemed"] for each in told["units"]] == [1]
    assert [each["store_name"] for each in own.get("terminals").json["terminals"]] == ["南京西路店"]
    assert own.get("me").json["department"] == "鞋履部"
    turn = own.get("shift").json
    assert [each["login"] for each in turn["by_clerk"]] == ["zhou"]
    wang = Page(app.test_client(), counter, staff=counter.wang)
    assert [each["login"] for each in wang.get("report").json["clerks"]] == ["chen", "zhou"]
    assert [each["login"] for each in wang.get(f"report?department={department.public_id}").json["clerks"]] == ["zhou"]
    for hidden in ("00000000-0000-4000-8000-000000000000", "x"):
        assert wang.get(f"report?department={hidden}").status_code == 404


def test_what_another_counter_did_is_not_his_to_undo_or_settle(counter, app, shoes):
    _, token, sun, zhou = shoes
    chen, clerk = Page(app.test_client(), counter), Page(app.test_client(), counter, staff=zhou, device_token=token)
    used = chen.redeem(chen.post("preview", {"code": counter.coupon().code}).json["ticket"]).json["use"]
    own = Page(app.test_client(), counter, staff=sun, device_token=token)
    refused = own.post("undo", {"use": used, "reason": "误操作"})
    assert (refused.status_code, refused.json["code"]) == (404, "no_use")
    theirs = clerk.redeem(clerk.post("preview", {"code": counter.coupon().code}).json["ticket"]).json["use"]
    assert own.post("undo", {"use": theirs, "reason": "误操作"}).status_code == 200
    for page in (chen, clerk):
        number = page.redeem(code="NOT-A-CODE").json["attempt"]
        page.post("parked/new", {"attempt": number, "code": "unknown_code"})
    assert len(own.get("parked").json["parked"]) == 1
    everything = Page(app.test_client(), counter, staff=counter.wang).get("parked").json["parked"]
    assert len(everything) == 2
    mine = own.get("parked").json["parked"][0]["id"]
    other = next(each["id"] for each in everything if each["id"] != mine)
    assert own.post(f"parked/{other}", {"verdict": "void", "note": "x"}).status_code == 404
    assert own.post(f"parked/{mine}", {"verdict": "void", "note": "x"}).status_code == 200
