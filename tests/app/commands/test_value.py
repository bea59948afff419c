"""Stored value at a terminal: the ladder, top-ups, payments and refunds, in the same books as the API's; and payments told twice."""

import pytest
from sqlalchemy import select

from app.core.nouns import Customer
from app.core.unit import reading, work
from cards import codes
from cards.ledger.verify import verify
from cards.membership import open_card
from cards.models.membership import CardPath, MemberCard
from tests.support.cast import LIN
from tests.support.orders import Till, open_till


@pytest.fixture
def till(house) -> Till:
    made = open_till(house)
    with work(house.engine) as session:
        customer = session.get_one(Customer, made.lin_id)
        said = {"path": CardPath.CLERK, "registry": house.registry, "actor": "Chen", "now": house.clock.now()}
        open_card(session, customer_id=customer.id, programme_id=made.programme_id, **said)
    return made


def topup(doc, fen, ref, **more):
    route = ["--route", "wechat_pay", "--route-ref", "4200001", "--store", "S1", "--ref", ref]
    return doc("value", "topup", LIN.phone, str(fen), *route)


def test_from_the_ladder_to_the_refund(house, till, doc, fanka):
    assert doc("value", "ladder", "50000:2000", "100000:10000")["rungs"][1] == {"from_fen": 100_000, "bonus_fen": 10_000}
    first, again = topup(doc, 100_000, "T1"), topup(doc, 100_000, "T1")
    assert (first["bonus_fen"], first["balance_fen"], first["fresh"], again["fresh"]) == (10_000, 110_000, True, False)
    paid = doc("value", "pay", LIN.phone, "15000", "--store", "S1", "--ref", "P1")
    assert (paid["amount_fen"], paid["balance_fen"]) == (15_000, 95_000)
    back = doc("value", "payback", LIN.phone, "P1", "5000", "--reason", "退一件", "--ref", "B1")
    assert back["balance_fen"] == 100_000
    shown = doc("value", "show", LIN.phone)
    assert [(line["active"], line["balance"]) for line in shown["lines"]] == [
        (5_000, 100_000),
        (-15_000, 95_000),
        (10_000, 110_000),
        (100_000, 100_000),
    ]
    assert "储值赠送" in fanka("value", "show", LIN.phone).out
    done = doc("value", "refund", LIN.phone, "T1", "--reason", "顾客要求", "--ref", "F1")
    assert (done["refund_fen"], done["route"], done["route_ref"], done["balance_fen"]) == (90_000, "wechat_pay", "4200001", 0)
    with reading(house.engine) as session:
        assert verify(session) == []


def test_a_large_payment_needs_the_customers_code(house, till, doc, fanka):
    topup(doc, 100_000, "T1")
    assert doc("value", "confirm-over", "10000") == {"confirm_over_fen": 10_000}
    pay = ("value", "pay", LIN.phone, "10001", "--store", "S1", "--ref", "P1")
    assert fanka(*pay, json=True).json["error"]["code"] == "value_unconfirmed"
    with reading(house.engine) as session:
        number = int(session.scalars(select(MemberCard.number)).one())
    code = codes.make_moving(house.ring, kind=codes.MEMBER, subject=number, now=house.clock.now())
    assert doc(*pay, "--code", code)["balance_fen"] == 89_999


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("ladder", "50000"), "bad_ladder"),
        (("ladder", "50000:10", "60000:10"), "bad_ladder"),
        (("show", "13911112222"), "unknown_member"),
        (("pay", LIN.phone, "1", "--store", "S1", "--ref", "x"), "insufficient_points"),
        (("pay", LIN.phone, "1", "--store", "NOWHERE", "--ref", "x"), "unknown_store"),
        (("payback", LIN.phone, "nothing", "1", "--reason", "x", "--ref", "x"), "no_payment"),
        (("refund", LIN.phone, "nothing", "--reason", "x", "--ref", "x"), "no_top_up"),
    ],
)
def test_what_cannot_be_is_one_line_with_a_code(till, fanka, words, code):
    answer = fanka("value", *words, json=True)
    assert (answer.code, answer.json["error"]["code"]) == (1, code)


def test_doubles_are_listed_and_matched_at_a_terminal(doc, fanka):
    assert doc("merchant", "doubles") == {"doubles": [], "next": None}
    assert "没有疑似重复" in fanka("merchant", "doubles").out
    unknown = fanka("merchant", "match", "0192f0c0-0000-7000-8000-000000000001", "4200001", json=True)
    assert unknown.json["error"]["code"] == "no_order"
    assert fanka("merchant", "doubles", "--after", "x", json=True).json["error"]["code"] == "bad_id"
