"""Stored value over the API: topped up by the ladder, paid with, refunded by the way it came, and confirmed by the customer."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.audit import AuditEntry
from app.core.nouns import Customer, Store
from app.core.unit import reading, work
from cards import codes
from cards.ledger.verify import verify
from cards.membership import open_card
from cards.models.membership import CardPath
from cards.models.programme import Programme
from cards.stored_value import set_ladder
from cards.value_consent import answer_consent, set_limit
from tests.support.api import make_caller
from tests.support.coupons import at_once, open_counter

LADDER = [{"from_fen": 50_000, "bonus_fen": 2_000}, {"from_fen": 100_000, "bonus_fen": 10_000}]


@pytest.fixture
def counter(house):
    made = open_counter(house)
    with work(house.engine) as session:
        set_ladder(session, programme_id=made.shop.programme_id, rungs=LADDER, now=house.clock.now())
    return made


@pytest.fixture
def caller(house, web, counter):
    return make_caller(house, web, programme_id=counter.shop.programme_id, unit_id=counter.shop.unit_id)


@pytest.fixture
def lin(house, counter):
    return join(house, counter, 0)


def join(house, counter, who):
    with work(house.engine) as session:
        customer = session.get_one(Customer, counter.customers[who])
        said = {"path": CardPath.CLERK, "registry": house.registry, "actor": "Chen", "now": house.clock.now()}
        return open_card(session, customer_id=customer.id, programme_id=counter.shop.programme_id, **said).card


def top_up(caller, counter, lin, *, paid=100_000, ref="T1", key=None, **more):
    body = {"paid_fen": paid, "route": "wechat_pay", "route_ref": "4200001", "store": str(counter.store), "ref": ref, **more}
    return caller.post(f"/members/{lin.number}/value/top-ups", body, key=key)


def pay(caller, counter, lin, fen, *, ref="P1", **more):
    return caller.post(f"/members/{lin.number}/value/payments", {"amount_fen": fen, "store": str(counter.store), "ref": ref, **more})


def balance(house, caller, lin):
    with reading(house.engine) as session:
        assert verify(session) == []
    return caller.get(f"/members/{lin.number}/value").json["balance_fen"]


def moving(house, lin):
    return codes.make_moving(house.ring, kind=codes.MEMBER, subject=int(lin.number), now=house.clock.now())


def test_the_bonus_is_the_ladders_and_a_top_up_counts_once(house, counter, caller, lin):
    assert caller.get("/value/ladder").json == {"rungs": LADDER, "confirm_over_fen": 20_000}
    first = top_up(caller, counter, lin, key="one")
    assert (first.status_code, first.json["bonus_fen"], first.json["balance_fen"]) == (201, 10_000, 110_000)
    again = top_up(caller, counter, lin, key="one")
    assert (again.status_code, again.json, again.headers["Idempotency-Hit"]) == (201, first.json, "true")
    fresh_key = top_up(caller, counter, lin)
    assert (fresh_key.status_code, fresh_key.json["id"]) == (200, first.json["id"])
    other = top_up(caller, counter, lin, paid=60_000)
    assert (other.status_code, other.json["code"]) == (409, "ref_differs")
    assert balance(house, caller, lin) == 110_000


def test_nobody_types_the_bonus(counter, caller, lin):
    refused = top_up(caller, counter, lin, bonus_fen=99_999)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid")


def test_what_is_left_goes_back_by_the_way_it_came(house, counter, caller, lin):
    top_up(caller, counter, lin)
    assert pay(caller, counter, lin, 15_000).status_code == 201
    stranger = join(house, counter, 1)
    wish = {"top_up": "T1", "reason": "顾客要求", "ref": "F1"}
    foreign = caller.post(f"/members/{stranger.number}/value/top-ups/refunds", wish)
    assert (foreign.status_code, foreign.json["code"]) == (404, "no_top_up")
    done = caller.post(f"/members/{lin.number}/value/top-ups/refunds", wish)
    assert done.status_code == 201
    assert [done.json[name] for name in ("refund_fen", "bonus_taken_fen", "route", "route_ref")] == [
        85_000,
        10_000,
        "wechat_pay",
        "4200001",
    ]
    assert caller.post(f"/members/{lin.number}/value/top-ups/refunds", wish).status_code == 200
    assert balance(house, caller, lin) == 0
    with reading(house.engine) as session:
        assert session.scalars(select(AuditEntry.action).where(AuditEntry.action == "value.refunded")).all() == ["value.refunded"]


def test_a_payment_is_given_back_to_its_balance_and_never_more(house, counter, caller, lin):
    top_up(caller, counter, lin)
    paid = pay(caller, counter, lin, 15_000)
    assert (paid.json["amount_fen"], paid.json["balance_fen"]) == (15_000, 95_000)
    address = f"/members/{lin.number}/value/payments/refunds"
    part = caller.post(address, {"payment": "P1", "amount_fen": 5_000, "reason": "退一件", "ref": "B1"})
    assert (part.status_code, part.json["balance_fen"]) == (201, 100_000)
    assert caller.post(address, {"payment": "P1", "amount_fen": 5_000, "reason": "退一件", "ref": "B1"}).status_code == 200
    over = caller.post(address, {"payment": "P1", "amount_fen": 10_001, "reason": "退", "ref": "B2"})
    assert over.status_code == 400
    assert caller.post(address, {"payment": "P9", "amount_fen": 1, "reason": "退", "ref": "B3"}).json["code"] == "no_payment"
    assert balance(house, caller, lin) == 100_000


def test_a_large_payment_needs_the_customers_own_code_which_is_good_once(house, counter, caller, lin):
    top_up(caller, counter, lin)
    refused = pay(caller, counter, lin, 20_001)
    assert (refused.status_code, refused.json["code"]) == (409, "value_unconfirmed")
    assert "会员码" in refused.json["detail"]
    other = join(house, counter, 1)
    assert pay(caller, counter, lin, 20_001, code=moving(house, other)).json["code"] == "value_unconfirmed"
    code = moving(house, lin)
    assert pay(caller, counter, lin, 20_001, code=code).status_code == 201
    assert pay(caller, counter, lin, 20_001, ref="P2", code=code).json["code"] == "code_seen"
    assert pay(caller, counter, lin, 20_000, ref="P3").status_code == 201
    assert balance(house, caller, lin) == 69_999


def test_or_his_word_on_his_phone_for_that_till_and_that_much(house, web, counter, caller, lin, clock):
    top_up(caller, counter, lin)
    ask = {"amount_fen": 30_000, "store": str(counter.store)}
    asked = caller.post(f"/members/{lin.number}/value/consents", ask).json
    assert (asked["state"], asked["amount_fen"]) == ("asked", 30_000)
    assert pay(caller, counter, lin, 30_000, consent=asked["id"]).json["code"] == "value_unconfirmed"
    with work(house.engine) as session:
        answer_consent(session, asked["id"], customer_id=lin.customer_id, agrees=True, now=clock.now())
    assert caller.get(f"/value/consents/{asked['id']}").json["state"] == "agreed"
    stranger = make_caller(house, web, programme_id=counter.shop.programme_id, unit_id=counter.shop.unit_id)
    assert stranger.get(f"/value/consents/{asked['id']}").status_code == 404
    assert pay(stranger, counter, lin, 30_000, consent=asked["id"]).json["code"] == "value_unconfirmed"
    assert pay(caller, counter, lin, 30_001, consent=asked["id"]).json["code"] == "value_unconfirmed"
    assert pay(caller, counter, lin, 30_000, consent=asked["id"]).status_code == 201
    assert pay(caller, counter, lin, 30_000, ref="P2", consent=asked["id"]).json["code"] == "value_unconfirmed"
    late = caller.post(f"/members/{lin.number}/value/consents", ask).json
    clock.advance(timedelta(minutes=5))
    assert caller.get(f"/value/consents/{late['id']}").json["state"] == "expired"
    assert balance(house, caller, lin) == 80_000


def test_one_answer_is_used_once_by_ten_at_a_time(house, counter, caller, lin, clock):
    top_up(caller, counter, lin)
    asked = caller.post(f"/members/{lin.number}/value/consents", {"amount_fen": 30_000, "store": str(counter.store)}).json
    with work(house.engine) as session:
        answer_consent(session, asked["id"], customer_id=lin.customer_id, agrees=True, now=clock.now())
    answers = at_once(10, lambda place: pay(caller, counter, lin, 30_000, ref=f"P{place}", consent=asked["id"]), workers=5)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    assert balance(house, caller, lin) == 80_000


def test_a_hold_over_the_amount_needs_the_customer_too(house, counter, caller, lin):
    top_up(caller, counter, lin)
    with work(house.engine) as session:
        programme = session.get_one(Programme, counter.shop.programme_id)
        set_limit(session, programme, confirm_over_fen=10_000, actor="Mei", now=house.clock.now())
        person = str(session.get_one(Customer, lin.customer_id).public_id)
    wish = {
        "store": str(counter.store),
        "attempt_id": "0192f0c0-0000-7000-8000-000000000001",
        "customer": person,
        "order": {"order_no": "A-1", "total_fen": 30_000},
        "value_fen": 10_001,
    }
    assert caller.post("/till/holds", wish).json["code"] == "value_unconfirmed"
    assert caller.post("/till/holds", {**wish, "member_code": moving(house, lin)}).status_code == 201


def test_the_statement_tells_every_movement(house, counter, caller, lin):
    top_up(caller, counter, lin)
    pay(caller, counter, lin, 15_000)
    told = caller.get(f"/members/{lin.number}/value/statement").json
    assert [(line["reason"], line["active"], line["balance"]) for line in told["lines"]] == [
        ("储值付款 P1", -15_000, 95_000),
        ("储值赠送", 10_000, 110_000),
        ("储值充值", 100_000, 100_000),
    ]


def test_scopes_stores_and_balances_are_guarded(house, web, counter, caller, lin):
    reader = make_caller(house, web, programme_id=counter.shop.programme_id, scopes=["value:read"])
    assert top_up(reader, counter, lin).json["code"] == "scope_missing"
    writer = make_caller(house, web, programme_id=counter.shop.programme_id, scopes=["value:write"])
    assert writer.get(f"/members/{lin.number}/value").json["code"] == "scope_missing"
    with work(house.engine) as session:
        session.add(Store(business_unit_id=counter.shop.other_unit_id, code="ELSE", name="别家"))
    assert top_up(caller, counter, lin, store="ELSE").json["code"] == "foreign_store"
    assert pay(caller, counter, lin, 100).json["code"] == "insufficient_points"
    assert top_up(caller, counter, lin, paid=0).json["code"] == "invalid"
    assert top_up(caller, counter, lin, paid=60_000_000).json["code"] == "top_up_too_big"
    assert balance(house, caller, lin) == 0
