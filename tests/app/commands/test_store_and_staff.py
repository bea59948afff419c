"""Stores, staff, positions and devices at a terminal: what the clerk's page needs before anybody can log in."""

import pytest

from app.core import passwords
from app.core.logins import find_presence, log_in, pair_device
from app.core.nouns import BusinessUnit
from app.core.passwords import totp_code
from app.core.unit import work
from tests.support.clerk import Page, open_counter

PASSWORD = {"STAFF_PASSWORD": "a-long-password"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(passwords, "_COST", 2**4)


@pytest.fixture
def store(doc):
    return doc("store", "add", "NJX", "--name", "南京西路店", "--unit", "海岸百货")


def test_a_store_is_opened_once_and_listed_with_its_devices(house, doc, fanka, store):
    again = fanka("store", "add", "NJX", "--name", "别的店", "--unit", "海岸百货", json=True)
    assert (again.code, again.json["error"]["code"]) == (1, "store_exists")
    pair_device(house, code=doc("staff", "pair", "--store", "NJX")["code"], address="a")
    doc("staff", "pair", "--store", "NJX")
    listed = doc("store", "list")["stores"]
    assert [(each["code"], each["name"], each["unit"], each["devices"]) for each in listed] == [("NJX", "南京西路店", "海岸百货", 1)]
    assert "南京西路店" in fanka("store", "list").out


def test_somebody_is_taken_on_placed_and_cut_off(house, doc, fanka, store):
    doc("staff", "add", "Chen", "--name", "陈晨", "--store", "NJX", env=PASSWORD)
    assert fanka("staff", "add", "chen", "--name", "陈", env=PASSWORD).code == 1
    doc("staff", "position", "chen", "--role", "supervisor", "--unit", "海岸百货")
    listed = doc("staff", "list")["staff"]
    assert listed[0]["positions"] == [{"role": "clerk", "store": "NJX"}, {"role": "supervisor", "unit": "海岸百货"}]
    assert doc("staff", "position", "chen", "--role", "clerk", "--store", "NJX", "--take")["positions"] == [
        {"role": "supervisor", "unit": "海岸百货"}
    ]
    paired = doc("staff", "pair", "--store", "NJX", "--name", "收银台 1")
    token, _ = pair_device(house, code=paired["code"], address="a")
    assert log_in(house, device_token=token, login="chen", password="a-long-password", totp="", address="a")
    doc("staff", "revoke", paired["device"])
    doc("staff", "revoke", "chen")
    assert doc("staff", "list")["staff"][0]["active"] is False
    assert fanka("staff", "revoke", "chen").code == 1
    assert fanka("staff", "revoke", "nobody").code == 1


def test_the_secret_of_a_time_based_code_is_shown_once(house, doc, store):
    added = doc("staff", "add", "chen", "--name", "陈晨", "--store", "NJX", "--totp", env=PASSWORD)
    secret = added["totp"].split("secret=")[1].split("&")[0]
    token, _ = pair_device(house, code=doc("staff", "pair", "--store", "NJX")["code"], address="a")
    code = totp_code(secret, int(house.clock.now().timestamp()) // 30)
    assert log_in(house, device_token=token, login="chen", password="a-long-password", totp=code, address="a")
    assert secret not in str(doc("staff", "list"))
    doc("staff", "password", "chen", "--totp", "off")
    doc("staff", "password", "chen", env={"STAFF_PASSWORD": "another-password"})
    assert log_in(house, device_token=token, login="chen", password="another-password", totp="", address="a")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["staff", "add", "chen", "--name", "陈晨"], "no_password"),
        (["staff", "pair", "--store", "NOWHERE"], "no_store"),
        (["staff", "position", "nobody", "--role", "clerk"], "no_staff"),
        (["store", "add", "店", "--name", "x", "--unit", "y"], "bad_store"),
        (["store", "report", "NOWHERE"], "no_store"),
        (["store", "report", "NJX", "--from", "2026-11-22", "--to", "2026-11-21"], "bad_days"),
    ],
)
def test_what_cannot_be_is_one_line(fanka, store, arguments, code):
    answer = fanka(*arguments, json=True, env={"STAFF_PASSWORD": ""})
    assert (answer.code, answer.json["error"]["code"]) == (1, code)


def test_no_option_takes_a_password(fanka):
    for name in ("add", "password"):
        assert "--password" not in fanka("staff", name, "--help").out


def test_a_stores_report_ranks_its_clerks(house, web, doc):
    counter = open_counter(house)
    page = Page(web, counter)
    page.redeem(page.post("preview", {"code": counter.coupon().code}).json["ticket"])
    page.post("cards", {"phone": "13700001111"})
    report = doc("store", "report", "NJX")
    assert [(each["name"], each["redeemed"], each["pay_fen"], each["cards"]) for each in report["clerks"]] == [("陈晨", 1, 9_900, 1)]
    assert [(each["redeemed"], each["discount_fen"]) for each in report["units"]] == [(1, 10_000)]
    assert doc("store", "report", "NJX", "--from", "2026-11-21")["clerks"] == []


def test_departments_are_added_listed_and_moved_and_people_placed_in_them(house, doc, fanka, store):
    doc("store", "add", "PD", "--name", "浦东店", "--unit", "海岸百货")
    made = doc("department", "add", "SHOES", "--store", "NJX", "--name", "鞋履部")
    assert fanka("department", "add", "SHOES", "--store", "NJX", "--name", "又一个", json=True).json["error"]["code"] == "department_exists"
    doc("staff", "add", "chen", "--name", "陈晨", "--store", "NJX", "--department", "SHOES", env=PASSWORD)
    assert doc("staff", "list")["staff"][0]["positions"] == [{"role": "clerk", "store": "NJX", "department": "SHOES"}]
    paired = doc("staff", "pair", "--store", "NJX", "--department", "SHOES")
    pair_device(house, code=paired["code"], address="a")
    (listed,) = doc("department", "list", "--store", "NJX")["departments"]
    assert listed == {
        "id": made["id"],
        "unit": "海岸百货",
        "store": "NJX",
        "code": "SHOES",
        "name": "鞋履部",
        "people": 1,
        "devices": 1,
    }
    assert doc("department", "move", "SHOES", "--store", "NJX", "--to", "PD")["store"] == "PD"
    assert doc("department", "list", "--store", "NJX")["departments"] == []
    assert "鞋履部" in fanka("department", "list").out
    assert doc("staff", "list")["staff"][0]["positions"] == [{"role": "clerk", "store": "PD", "department": "SHOES"}]
    doc("staff", "position", "chen", "--role", "clerk", "--store", "PD", "--department", "SHOES", "--take")
    refused = fanka("staff", "position", "chen", "--role", "clerk", "--department", "SHOES", json=True)
    assert refused.json["error"]["code"] == "bad_position"


def test_the_terminal_check_at_a_terminal(house, doc, fanka, store, clock):
    doc("department", "add", "SHOES", "--store", "NJX", "--name", "鞋履部")
    paired = doc("staff", "pair", "--store", "NJX", "--name", "收银台 1")
    token, _ = pair_device(house, code=paired["code"], address="a")
    doc("staff", "pair", "--store", "NJX", "--name", "备用机")
    doc("staff", "add", "chen", "--name", "陈晨", "--store", "NJX", env=PASSWORD)
    said, _ = log_in(house, device_token=token, login="chen", password="a-long-password", totp="", address="a")
    with work(house.engine) as session:
        find_presence(session, token=said, device_token=token, now=clock.now())
    told = {each["name"]: each for each in doc("device", "list", "--store", "NJX")["devices"]}
    assert (told["收银台 1"]["state"], told["收银台 1"]["seen_at"]) == ("paired", clock.now().isoformat())
    assert (told["备用机"]["state"], told["备用机"]["seen_at"]) == ("offered", None)
    doc("device", "move", paired["device"], "--department", "SHOES")
    assert {each["department"] for each in doc("device", "list")["devices"]} == {"鞋履部", ""}
    doc("device", "cut", paired["device"])
    assert [each["state"] for each in doc("device", "list")["devices"]] == ["offered", "cut_off"]
    assert "收银台 1" in fanka("device", "list").out
    assert fanka("device", "cut", paired["device"]).code == 1
    assert fanka("device", "cut", "00000000-0000-4000-8000-000000000000", json=True).json["error"]["code"] == "no_device"


def test_stores_are_ranked_within_their_unit(house, doc, fanka):
    counter = open_counter(house)
    with work(house.engine) as session:
        unit = session.get_one(BusinessUnit, counter.store.business_unit_id).name
    doc("store", "add", "X", "--name", "别的店", "--unit", "另一事业部")
    ranked = doc("store", "ranking", "--unit", unit)["stores"]
    assert {each["code"] for each in ranked} >= {"NJX", "PD"}
    assert "X" not in {each["code"] for each in ranked}
    assert {each["rank"] for each in ranked} == {1}
    assert "X" in {each["code"] for each in doc("store", "ranking")["stores"]}
    assert "别的店" in fanka("store", "ranking").out
    doc("store", "move", "X", "--unit", unit)
    assert "X" in {each["code"] for each in doc("store", "ranking", "--unit", unit)["stores"]}
    assert fanka("store", "ranking", "--unit", "没有", json=True).json["error"]["code"] == "no_unit"
