"""Codes, the blacklist and the review queue at a terminal."""

import json

import pytest
from sqlalchemy import select

from app.core.nouns import BusinessUnit, Store
from app.core.unit import reading, work
from cards.codes import is_typed, tidy
from cards.models.coupon_mirror import CouponMirror
from cards.models.coupons import CouponTemplate
from tests.cards.test_reviews import buy, employ
from tests.support.orders import open_till

PHONE = "13800000003"


@pytest.fixture
def template(house, doc):
    with work(house.engine) as session:
        unit = BusinessUnit(name="海岸百货")
        session.add(unit)
        session.flush()
        session.add(Store(business_unit_id=unit.id, code="S1", name="一店"))
    doc("programme", "add", "海岸会员")
    doc("member", "open", "--phone", PHONE)
    terms = json.dumps({"amount_fen": 1000})
    return doc("coupon", "add", "满减", "--unit", "海岸百货", "--type", "amount_off", "--terms", terms, "--days", "7", "--open")["id"]


def test_words_and_batches_of_codes(doc, fanka, template):
    made = doc("claim-code", "word", template, "SHUANG-11", "--most", "500", "--until", "2026-12-01")
    assert (made["code"], made["most"]) == ("SHUANG11", 500)
    taken = fanka("claim-code", "word", template, "shuang 11", "--most", "5", json=True)
    assert (taken.code, taken.json["error"]["code"]) == (1, "word_taken")
    (listed,) = doc("claim-code", "list", template)["words"]
    assert (listed["used"], listed["until"], listed["closed"]) == (0, "2026-11-30T16:00:00Z", False)
    batch = doc("claim-code", "batch", template, "3")
    assert len({tidy(each) for each in batch["codes"]}) == 3
    assert all(is_typed(tidy(each)) for each in batch["codes"])
    assert set(doc("claim-code", "unused", batch["batch"])["codes"]) == set(batch["codes"])
    assert doc("claim-code", "close", batch["batch"])["closed"] == 3
    assert doc("claim-code", "unused", batch["batch"])["codes"] == []
    assert doc("claim-code", "close", made["id"])["closed"] == 1
    assert "SHUANG11" in fanka("claim-code", "list", template).out


def test_the_blacklist_is_kept_and_lifted(doc, fanka, template):
    entry = doc("block", "add", "--phone", PHONE, "--reason", "刷券", "--until", "2026-12-01")
    refused = fanka("coupon", "give", template, "--phone", PHONE, json=True)
    assert (refused.code, refused.json["error"]["code"]) == (1, "not_claimable")
    (listed,) = doc("block", "list")["blocks"]
    assert (listed["whom"], listed["reason"], listed["until"]) == ("138****0003", "刷券", "2026-11-30T16:00:00Z")
    assert PHONE not in fanka("block", "list", "--all").out
    doc("block", "lift", entry["id"], "--reason", "核实无误")
    assert doc("block", "list")["blocks"] == []
    assert doc("block", "list", "--all")["blocks"][0]["lifted"]
    doc("coupon", "give", template, "--phone", PHONE)
    assert fanka("block", "add", "--reason", "x", json=True).json["error"]["code"] == "bad_block"
    assert fanka("block", "add", "--device", "7", "--reason", " ", json=True).json["error"]["code"] == "reason_needed"


def test_a_case_is_listed_and_decided(house, doc, fanka):
    till = open_till(house)
    employ(till)
    buy(till)
    (case,) = doc("review", "list")["cases"]
    assert (case["kind"], case["holds_points"], case["customer"]["phone"]) == ("own_credit", True, "138****0003")
    assert "积分暂缓" in fanka("review", "list").out
    assert doc("review", "decide", case["id"], "release", "--reason", "员工自购")["state"] == "cleared"
    assert till.wallet().pending == 100
    again = fanka("review", "decide", case["id"], "refuse", "--reason", "x", json=True)
    assert (again.code, again.json["error"]["code"]) == (1, "already_judged")
    assert doc("review", "list")["cases"] == []


def test_a_card_of_wechat_stands_for_a_template(house, doc, fanka, template, make_account):
    account = make_account(appid="wx0000000000000001")
    common = ["--account", account.appid, "--card-id", "pCard", "--store", "S1"]
    assert doc("coupon", "mirror", template, *common)["card_id"] == "pCard"
    assert fanka("coupon", "mirror", template, *common, json=True).json["error"]["code"] == "mirror_exists"
    with reading(house.engine) as session:
        mirror = session.scalars(select(CouponMirror)).one()
        assert str(session.get_one(CouponTemplate, mirror.template_id).public_id) == template


def test_the_progress_of_bulk_issues(doc, template, make_account):
    make_account(appid="wx0000000000000000")
    assert doc("coupon", "batches", template)["batches"] == []
    everybody = '{"not": {"kind": "follows_account", "account": "wx0000000000000000"}}'
    batch = doc("coupon", "issue", template, everybody, "--reason", "周年庆")["batch"]
    (listed,) = doc("coupon", "batches", template)["batches"]
    assert listed == {"batch": batch, "state": "done", "total": 1, "issued": 1, "skipped": 0}
