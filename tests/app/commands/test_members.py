"""Programmes, tiers, members and a migration at a terminal, from an empty house."""

import pytest
from sqlalchemy import select

from app.core.nouns import BusinessUnit, Customer
from app.core.unit import reading, work
from cards.models.membership import MemberCard

PHONE = "13800000003"


@pytest.fixture
def unit(house):
    with work(house.engine) as session:
        session.add(BusinessUnit(name="海岸百货"))
    return "海岸百货"


@pytest.fixture
def club(doc, unit):
    doc("programme", "add", "海岸会员")
    doc("programme", "gift", "100", "--unit", unit)
    doc("tier", "add", "普通", "--rank", "0", "--threshold", "0", "--english", "Basic")
    doc("tier", "add", "金卡", "--rank", "1", "--threshold", "50000", "--english", "Gold", "--discount", "5", "--multiplier", "150")
    doc("tier", "rule", "spend", "--window", "calendar", "--grace", "30")
    return "海岸会员"


def test_a_stranger_opens_a_card_and_reads_it(doc, fanka, club):
    made = doc("member", "open", "--phone", PHONE)
    assert (made["fresh"], made["gift_points"], len(made["number"])) == (True, 100, 16)
    assert doc("member", "open", "--phone", "-", stdin=PHONE)["fresh"] is False
    for how in ([made["number"]], [made["card"]], ["--phone", PHONE]):
        found = doc("member", "find", *how)
        assert (found["number"], found["points"], found["tier"], found["missing"]) == (made["number"], 100, "普通", 50_000)
    said = fanka("member", "find", made["number"])
    assert "再消费 ¥500.00升级为金卡" in said.out
    assert "spend ¥500.00 more to reach Gold" in fanka("member", "find", made["number"], env={"FANKA_LANG": "en"}).out
    assert PHONE not in said.out
    assert club


def test_an_old_member_is_bound_to_a_customer(house, doc, club):
    old = doc("member", "open", "--phone", PHONE)
    with work(house.engine) as session:
        lin = Customer(created_at=house.clock.now())
        session.add(lin)
        session.flush()
        public_id = str(lin.public_id)
    bound = doc("member", "bind", public_id, "--phone", PHONE, "--programme", club)
    assert (bound["number"], bound["customer"], bound["fresh"]) == (old["number"], public_id, False)


def test_tiers_are_listed_overridden_and_reviewed(house, doc, club):
    number = doc("member", "open", "--phone", PHONE)["number"]
    listed = doc("tier", "list")
    assert [(each["name"], each["members"]) for each in listed["tiers"]] == [("普通", 1), ("金卡", 0)]
    assert listed["rule"]["measure"] == "spend"
    doc("tier", "override", number, "金卡", "--until", "2026-12-31", "--reason", "重要来宾", "--programme", club)
    assert doc("member", "find", number)["tier"] == "金卡"
    house.clock.moment = house.clock.moment.replace(year=2027)
    assert doc("tier", "review")["changed"] == 1
    assert doc("tier", "review")["changed"] == 0
    assert doc("member", "find", number)["tier"] == "普通"


def test_a_migration_is_tried_and_run(house, fanka, doc, club, unit, tmp_path):
    (tmp_path / "members.csv").write_text("member_id,phone,tier,points\na1,13800000001,金卡,70\na2,13800000002,,30\n")
    (tmp_path / "points.csv").write_text("member_id,points\na1,70\na2,31\n")
    asked = ["migrate-vendor", "trial", str(tmp_path), "--vendor", "oldcrm", "--programme", club]
    report = tmp_path / "problems.txt"
    refused = fanka(*asked, "--members", "2", "--report", str(report), json=True)
    assert (refused.code, refused.json["error"]["code"]) == (1, "trial_failed")
    assert "members,3" in report.read_text(encoding="utf-8-sig")
    assert "members:3" in fanka(*asked).out
    ran = ["migrate-vendor", "run", str(tmp_path), "--vendor", "oldcrm", "--unit", unit]
    assert fanka(*ran, json=True).json["error"]["code"] == "not_tried"
    (tmp_path / "points.csv").write_text("member_id,points\na1,70\na2,30\n")
    assert doc(*asked, "--points", "100")["passed"] is True
    assert doc(*ran) == {"members": 2, "fresh": 2, "points": 100, "value_fen": 0, "coupons": 0, "refused_coupons": 0}
    assert doc(*ran)["fresh"] == 0
    assert (doc("member", "find", "--phone", "13800000001")["tier"], doc("programme", "list")["programmes"][0]["members"]) == ("金卡", 2)


def test_the_card_at_wechat_is_made_once(house, sandbox, make_account, doc, fanka, club):
    account = make_account(name="海岸百货")
    sandbox.add_account(account)
    asked = ["programme", "mirror", account.appid, "--title", "海岸会员卡", "--brand", "海岸百货", "--logo", "http://mmbiz.qpic.cn/logo"]
    made = doc(*asked)
    assert made["card_id"].startswith("p")
    assert fanka(*asked, json=True).json["error"]["code"] == "mirror_exists"
    assert house
    assert club


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (["member", "open"], "bad_member"),
        (["member", "open", "--phone", "123"], "bad_phone"),
        (["member", "open", "--customer", "00000000-0000-7000-8000-000000000000"], "no_customer"),
        (["member", "find", "8000000000000000"], "no_member"),
        (["member", "find"], "no_member"),
        (["member", "find", "--phone", PHONE, "--programme", "没有"], "no_programme"),
        (["programme", "add", "海岸会员"], "programme_exists"),
        (["programme", "gift", "5"], "no_unit"),
        (["programme", "gift", "5", "--unit", "没有"], "no_unit"),
        (["tier", "add", "银卡", "--rank", "2", "--threshold", "100"], "tier_order"),
        (["tier", "rule", "balance"], "bad_measure"),
        (["tier", "override", "8000000000000003", "金卡", "--until", "2027-01-01", "--reason", "x"], "no_member"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(house, fanka, club, asked, code):
    answer = fanka(*asked, json=True)
    assert (answer.code, answer.json["error"]["code"]) == (1, code)
    spoken = fanka(*asked)
    assert spoken.err.count("\n") == 1
    with reading(house.engine) as session:
        assert session.scalars(select(MemberCard)).all() == []
    assert club
