"""An order that was settled: sold once until it is taken back, and taken back by who may, as far as it has not come back already."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.core.nouns import AuditEntry, Customer
from app.core.people import Staff
from app.core.unit import reading, work
from cards.blocks import Whom, add_block
from cards.coupons.holds import release_overdue
from cards.coupons.void import recall_batch
from cards.ledger.post import Cause
from cards.ledger.spend import confirm
from cards.ledger.spend import hold as hold_points
from cards.ledger.wallets import open_wallet
from cards.models.coupons import Coupon, CouponBatch
from cards.order_forms import OrderIn, ReturnIn
from cards.order_returns import book_return
from cards.orders import book
from cards.phones import know_phone
from tests.support.coupons import at_once
from tests.support.holding import ask, hold, money, open_paying_counter, order, person, step
from tests.support.money import cause


@pytest.fixture
def counter(house):
    return open_paying_counter(house)


def book_sold(counter, *, points_fen, number="A1", quantity=10):
    """The order a till books after it was confirmed: ten pieces for a hundred yuan, of which points paid a part."""
    house = counter.house
    line = {"sku": "TEA", "quantity": quantity, "amount_fen": 10_000, "discount_fen": points_fen}
    said = {"source": "pos", "order_no": number, "store": str(counter.store), "paid_at": house.clock.now(), "lines": [line]}
    common = {"ring": house.ring, "registry": house.registry, "actor": "till", "now": house.clock.now()}
    with work(house.engine) as session:
        asked = OrderIn.model_validate({**said, "customer": person(counter)})
        book(session, asked, programme_id=counter.shop.programme_id, **common)


def bring_back(counter, quantity, *, return_no, number="A1"):
    house = counter.house
    now = house.clock.now()
    back = ReturnIn.model_validate({"return_no": return_no, "returned_at": now, "lines": [{"line_no": 1, "quantity": quantity}]})
    with work(house.engine) as session:
        book_return(session, back, source="pos", order_no=number, registry=house.registry, actor="till", now=now)


def reverse(counter, held, **more):
    return step(counter, "reverse", held, supervisor=more.pop("supervisor", False), **more)


def test_a_confirmed_order_is_set_aside_again_only_after_it_was_taken_back(counter):
    first = hold(counter, points=1000, value_fen=300)
    step(counter, "confirm", first)
    refused = hold(counter, points=400)
    assert (refused.status, refused.body["code"]) == (409, "order_settled")
    assert money(counter) == (4000, 2700)
    assert reverse(counter, first).body["outcome"] == "done"
    assert money(counter) == (5000, 3000)
    second = hold(counter, points=400, value_fen=100)
    assert step(counter, "confirm", second).body["state"] == "confirmed"
    assert money(counter) == (4600, 2900)
    assert reverse(counter, first).body["code"] == "already_reversed"
    assert reverse(counter, second).body["outcome"] == "done"
    assert money(counter) == (5000, 3000)


def test_of_a_crowd_that_sells_one_order_anew_one_does(counter):
    def sell(place):
        held = hold(counter, points=100 + place, till=counter.chen)
        return step(counter, "confirm", held).body.get("state") if held.status == 201 else held.body["code"]

    assert "confirmed" in at_once(6, sell)
    points, _ = money(counter)
    assert 5000 - 105 <= points <= 5000 - 100


def test_no_coupon_goes_on_what_points_have_paid_nor_points_on_what_a_coupon_took_off(counter):
    coupon, other = counter.coupon(), counter.coupon(name="B")
    step(counter, "confirm", hold(counter, points=5000))
    assert counter.redeem(coupon.code, order=order()).body["code"] == "order_settled"
    assert counter.reread(coupon).uses_left == 1
    assert counter.redeem(coupon.code, order=order("B1")).body["outcome"] == "done"
    assert hold(counter, [other], number="B1").body["code"] == "order_settled"
    held = hold(counter, number="C1", points=0, value_fen=3000)
    assert counter.redeem(other.code, order=order("C1")).body["outcome"] == "done"
    assert step(counter, "confirm", held).body["code"] == "quote_changed"
    assert money(counter)[0] == 0


def test_the_whole_order_gives_back_what_no_return_gave_back_before(counter):
    held = hold(counter, points=1000)
    step(counter, "confirm", held)
    book_sold(counter, points_fen=1000)
    bring_back(counter, 3, return_no="R1")
    assert money(counter)[0] == 4300
    answers = at_once(6, lambda _: reverse(counter, held))
    assert sorted(answer.body.get("code", "done") for answer in answers) == ["already_reversed"] * 5 + ["done"]
    assert money(counter)[0] == 5000
    bring_back(counter, 7, return_no="R2")
    assert money(counter)[0] == 5000


def test_an_order_that_came_back_whole_is_reversed_with_nothing_left_to_give(counter):
    coupon = counter.coupon()
    held = hold(counter, [coupon], points=1000)
    step(counter, "confirm", held)
    book_sold(counter, points_fen=1000)
    bring_back(counter, 10, return_no="R1")
    assert money(counter)[0] == 5000
    assert reverse(counter, held).body["outcome"] == "done"
    assert (money(counter)[0], counter.reread(coupon).uses_left) == (5000, 1)


def test_a_return_and_the_reversal_of_its_order_at_once_give_everything_back_once(counter):
    held = hold(counter, points=1000)
    step(counter, "confirm", held)
    book_sold(counter, points_fen=1000)
    acts = [lambda: reverse(counter, held), *(lambda number=number: bring_back(counter, 2, return_no=f"R{number}") for number in range(5))]
    at_once(6, lambda place: acts[place]())
    assert money(counter)[0] == 5000


def test_what_points_alone_paid_is_taken_back_by_who_may(counter, clock, house):
    held = hold(counter, points=1000)
    step(counter, "confirm", held)
    clock.advance(timedelta(minutes=16))
    assert reverse(counter, held).body["code"] == "undo_too_late"
    assert reverse(counter, held, supervisor=True).body["code"] == "reason_needed"
    assert money(counter)[0] == 4000
    assert reverse(counter, held, supervisor=True, reason="顾客退货").body["outcome"] == "done"
    with reading(house.engine) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "order.reversed")).one()
    assert (entry.detail["order"], entry.detail["reason"]) == ("pos:A1", "顾客退货")


def test_a_key_that_confirmed_one_hold_confirms_no_other(house, counter):
    now = house.clock.now()
    with work(house.engine) as session:
        wallet_id = open_wallet(session, customer_id=counter.customers[0], programme_id=counter.shop.programme_id)
        wish = {"wallet_id": wallet_id, "amount": 10, "unit_id": counter.shop.unit_id, "until": now + timedelta(minutes=5)}
        one, two = (hold_points(session, cause=cause(now), **wish).txn_id for _ in range(2))
        why = Cause("till:pos:Z", "订单使用", "Chen", now, now)
        assert confirm(session, hold_txn_id=one, cause=why).fresh
        assert not confirm(session, hold_txn_id=one, cause=why).fresh
        with pytest.raises(Exception, match="another hold"):
            confirm(session, hold_txn_id=two, cause=why)


def test_nobody_pays_with_his_own_points_at_his_own_till(counter, house):
    with work(house.engine) as session:
        lin = session.get_one(Customer, counter.customers[0])
        know_phone(session, house.ring, customer=lin, phone="13800000009", actor="test", now=house.clock.now())
        staff = session.get_one(Staff, counter.chen.staff_id)
        staff.phone_sealed, staff.phone_lookup = b"s", lin.phone_lookup
    assert hold(counter, points=100).body["code"] == "own_coupon"
    assert hold(counter, points=100, till=counter.colleague).status == 201


def test_points_of_somebody_on_the_blacklist_do_not_pay_and_his_money_does(counter, house):
    with work(house.engine) as session:
        add_block(session, house.ring, Whom(person(counter)), reason="刷单", until=None, actor="Mei", now=house.clock.now())
    found = ask(counter)
    assert (found["points"], found["value_fen"]) == (0, 3000)
    assert hold(counter, points=100).body["code"] == "blocked"
    assert hold(counter, value_fen=500).status == 201


def test_a_recalled_coupon_that_a_till_held_is_void_when_it_lets_go(counter, house, clock):
    coupon = counter.coupon()
    with work(house.engine) as session:
        batch = CouponBatch(template_id=coupon.template_id, tree={}, total=1, reason="补发", actor="Mei", created_at=clock.now())
        session.add(batch)
        session.flush()
        session.get_one(Coupon, coupon.id).batch_id = batch.id
        batch_id = batch.public_id
    hold(counter, [coupon])
    with work(house.engine) as session:
        assert recall_batch(session, batch_id, reason="发错", actor="Mei", now=clock.now()) == 0
    clock.advance(timedelta(minutes=10))
    assert release_overdue(house.engine, now=clock.now()) == 1
    assert counter.reread(coupon).state == "voided"
    assert hold(counter, [coupon], number=f"N{uuid4().hex[:6]}").body["code"] == "voided"
