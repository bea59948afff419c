"""Coupons at a terminal: a template from nothing to a redeemed code, a bulk issue and its recall, cases and their verdict."""

import json

import pytest

from app.core.nouns import BusinessUnit
from app.core.unit import work
from cards.codes import is_typed, tidy
from cards.fraud import suspect
from tests.support.coupons import open_counter

PHONE = "13800000003"
TERMS = json.dumps({"amount_fen": 1000})


@pytest.fixture
def club(house, doc):
    with work(house.engine) as session:
        session.add(BusinessUnit(name="海岸百货"))
    doc("programme", "add", "海岸会员")
    return doc("member", "open", "--phone", PHONE)


def add(doc, name="满减", *more):
    return doc("coupon", "add", name, "--unit", "海岸百货", "--type", "amount_off", "--terms", TERMS, "--days", "7", "--open", *more)["id"]


def test_from_a_template_to_a_code(doc, fanka, club):
    template = add(doc, "满减", "--stock", "2", "--more", '{"stacking_class": "free"}')
    given = doc("coupon", "give", template, "--number", club["number"])
    assert is_typed(tidy(given["code"]))
    refused = fanka("coupon", "give", template, "--phone", PHONE, json=True)
    assert (refused.code, refused.json["error"]["code"]) == (1, "limit_reached")
    (listed,) = doc("coupon", "list")["templates"]
    assert (listed["left"], listed["coupons"]) == (1, {"issued": 1})
    assert "满减" in fanka("coupon", "list").out
    doc("coupon", "void", given["id"], "--reason", "发错", "--return-stock")
    assert doc("coupon", "list")["templates"][0]["left"] == 2
    doc("coupon", "close", template)
    assert fanka("coupon", "give", template, "--phone", PHONE, json=True).json["error"]["code"] == "not_claimable"


def test_a_segment_gets_its_coupons_and_loses_them(doc, club, make_account):
    make_account(appid="wx0000000000000000")
    everybody = '{"not": {"kind": "follows_account", "account": "wx0000000000000000"}}'
    pool = doc("coupon", "pool", "双十一", "--per-person", "1")["id"]
    template = add(doc, "满减", "--more", json.dumps({"pool": pool}))
    done = doc("coupon", "issue", template, everybody, "--reason", "周年庆")
    assert (done["state"], done["issued"], done["skipped"]) == ("done", 1, 0)
    doc("segment", "save", "所有人", everybody)
    again = doc("coupon", "issue", template, "所有人", "--reason", "再发")
    assert (again["issued"], again["skipped"]) == (0, 1)
    assert doc("coupon", "recall", done["batch"], "--reason", "发错")["voided"] == 1


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--terms", '{"amount_fen": 0}'], "bad_terms"),
        (["--terms", "[]"], "bad_template"),
        (["--more", '{"colour": "red"}'], "bad_template"),
        (["--more", '{"claim_on": [{"kind": "order.eaten"}]}'], "bad_template"),
        (["--unit", "没有"], "no_unit"),
    ],
)
def test_what_cannot_be_a_template_is_said(fanka, club, more, code):
    given = {"--unit": "海岸百货", "--type": "amount_off", "--terms": TERMS, "--days": "7", **dict([more])}
    refused = fanka("coupon", "add", "满减", *(part for pair in given.items() for part in pair), json=True)
    assert (refused.code, refused.json["error"]["code"]) == (1, code)


def test_a_case_is_judged(house, doc, fanka):
    counter = open_counter(house)
    with work(house.engine) as session:
        suspect(session, "own_coupon", till=counter.chen, now=house.clock.now(), customer_id=None, coupon_id=None, detail={})
    (case,) = doc("coupon", "review")["cases"]
    doc("coupon", "judge", case["id"], "cleared", "--reason", "已核实")
    assert doc("coupon", "review")["cases"] == []
    refused = fanka("coupon", "judge", case["id"], "confirmed", "--reason", "x", json=True)
    assert refused.json["error"]["code"] == "already_judged"
