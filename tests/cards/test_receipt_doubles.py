"""A purchase told by its till and by a receipt earns once, whichever comes first, and whoever sent the receipt."""

from dataclasses import replace

import pytest
from pydantic import ValidationError
from sqlalchemy import func, select

from app.core.errors import ConflictError
from app.core.nouns import AuditEntry, Store
from app.core.unit import reading, work
from app.wechat.pay_notices import Notice, Payment
from cards.ledger.spend import spend
from cards.ledger.wallets import open_wallet
from cards.models.orders import Purchase
from cards.models.payments import PayMerchant
from cards.payments import take_notice
from tests.support import pay
from tests.support.coupons import at_once
from tests.support.money import cause
from tests.support.orders import open_till, order
from tests.support.receipts import Desk

WRITTEN = ["88201", "S1-0088201"]


@pytest.fixture
def desk(house):
    return Desk(open_till(house))


def tell(desk, number="88201", *, who="lin", source="pos", fen=10_000):
    """The till's order: on Lin's phone, on Zhao's account, or on nobody's."""
    buyer = {"phone": None} if who == "nobody" else {"phone": None, "customer": person(desk)} if who == "zhao" else {}
    made = order(desk.till, {"sku": "TEA", "category": "食品", "amount_fen": fen}, order_no=number, source=source, **buyer)
    return made, desk.till.book(made).purchase


def person(desk):
    from app.core.nouns import Customer

    with reading(desk.till.house.engine) as session:
        return str(session.get_one(Customer, desk.other()).public_id)


def standing(desk):
    """Every order that counts, and what it came from."""
    with reading(desk.till.house.engine) as session:
        return session.execute(select(Purchase.source, Purchase.customer_id).where(Purchase.replaced_by_id.is_(None))).all()


@pytest.mark.parametrize("number", WRITTEN)
@pytest.mark.parametrize("who", ["lin", "zhao"])
def test_what_the_till_booked_on_a_member_is_not_booked_again(desk, number, who):
    tell(desk, number, who=who)
    before = (desk.points(), desk.points(desk.other()))
    receipt = desk.snap("88201")
    with pytest.raises(ConflictError) as known:
        desk.judge(receipt)
    assert known.value.code == "already_booked"
    assert (desk.points(), desk.points(desk.other()), len(standing(desk))) == (*before, 1)
    desk.judge(receipt, "refuse", "收银已积分")


@pytest.mark.parametrize("source", ["pos", "mall", "wechat_pay"])
def test_what_the_till_booked_on_nobody_becomes_his_order(desk, source):
    tell(desk, "S1-88201", who="nobody", source=source)
    receipt = desk.snap("88201", fen=9_900)
    with pytest.raises(ConflictError) as differs:
        desk.judge(receipt)
    assert (differs.value.code, desk.points()) == ("amount_differs", 0)
    desk.judge(receipt, amount_fen=10_000)
    assert standing(desk) == [(source, desk.till.lin_id)]
    assert desk.points() == 100
    desk.till.books_are_right()


@pytest.mark.parametrize("number", WRITTEN)
@pytest.mark.parametrize("source", ["pos", "mall"])
@pytest.mark.parametrize("who", ["lin", "nobody"])
def test_an_order_told_later_takes_the_place_of_the_receipt(desk, number, source, who):
    receipt = desk.snap("88201")
    desk.judge(receipt)
    # The till knows the goods: 120 yuan were paid.
    made, told = tell(desk, number, who=who, source=source, fen=12_000)
    assert standing(desk) == [(source, desk.till.lin_id)]
    assert (desk.points(), desk.row(receipt).purchase_id) == (120, told.id)
    assert desk.till.book(made).fresh is False
    desk.till.bring_back(made, {1: 1})
    assert desk.points() == 0
    desk.till.books_are_right()


def test_an_order_told_later_on_somebody_else_takes_the_points_along(house, desk):
    receipt = desk.snap("88201")
    desk.judge(receipt)
    tell(desk, who="zhao")
    assert (desk.points(), desk.points(desk.other())) == (0, 100)
    row = desk.row(receipt)
    assert (row.state, row.purchase_id) == ("refused", None)
    assert "另一位会员" in row.reason
    with reading(house.engine) as session:
        assert (
            session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "receipt.matched")).one()["outcome"] == "receipt_made_way"
        )
    desk.till.books_are_right()


def test_where_spent_points_are_forgiven_the_later_order_earns_nothing(house):
    desk = Desk(open_till(house, return_policy="floor_at_zero", pending_days=0))
    receipt = desk.snap("88201")
    desk.judge(receipt)
    with work(house.engine) as session:
        wallet = open_wallet(session, customer_id=desk.till.lin_id, programme_id=desk.till.programme_id)
        spend(session, wallet_id=wallet, amount=40, unit_id=desk.till.shop.unit_id, cause=cause(house.clock.now()))
    for who in ("lin", "nobody"):
        tell(desk, "88201", who=who, source="pos" if who == "lin" else "mall")
    assert (desk.points(), standing(desk)) == (60, [("receipt", desk.till.lin_id)])
    assert desk.row(receipt).state == "credited"
    desk.till.books_are_right()


def test_another_store_and_another_number_are_another_purchase(desk):
    desk.judge(desk.snap("88201"))
    tell(desk, "88202")
    desk.till.book(order(desk.till, order_no="88201", store=desk.till.other_store))
    assert desk.points() == 300


def test_a_till_and_a_clerk_at_the_same_moment_credit_each_purchase_once(desk):
    numbers = [f"7{place:03}" for place in range(5)]
    receipts = {number: desk.snap(number) for number in numbers}

    def act(place):
        number = numbers[place // 2]
        if place % 2:
            # The clerk reads the number on the picture; both meet at it.
            return desk.judge(receipts[number], number=f"S1-{number}")
        return tell(desk, number)

    for outcome in at_once(len(numbers) * 2, act, workers=10):
        assert not isinstance(outcome, Exception) or outcome.code == "already_booked", outcome
    assert desk.points() == 100 * len(numbers)
    assert sorted(standing(desk)) == [("pos", desk.till.lin_id)] * len(numbers)
    desk.till.books_are_right()


@pytest.mark.parametrize("number", ["4200001", "W1"])
@pytest.mark.parametrize("first", ["notice", "receipt"])
def test_a_payment_by_wechat_and_its_receipt_are_one_purchase(house, make_account, number, first):
    desk = Desk(open_till(house, rule=False))
    account, now = make_account(appid="wxpay0000000001"), house.clock.now()
    pay.open_pay_shop(house, account.id, programme_id=desk.till.programme_id, unit_id=desk.till.shop.unit_id)
    with reading(house.engine) as session:
        shop = Desk(replace(desk.till, store=str(session.scalars(select(Store.public_id).where(Store.code == "P1")).one())))
    paid = pay.payment(account.appid, now=now, total=10_000, openid="oNobody")
    said = Payment.model_validate({**paid, "transaction_id": "4200001", "out_trade_no": "W1"})

    def notice():
        with work(house.engine) as session:
            merchant = session.scalars(select(PayMerchant)).one()
            take_notice(session, merchant, Notice("n1", "TRANSACTION.SUCCESS", said), ring=house.ring, registry=house.registry, now=now)

    steps = [notice, lambda: shop.judge(shop.snap(number))]
    for step in steps if first == "notice" else reversed(steps):
        step()
    assert standing(shop) == [("wechat_pay", shop.till.lin_id)]
    assert shop.points() == 100
    shop.till.books_are_right()


def test_nobody_outside_tells_a_receipt(desk):
    with pytest.raises(ValidationError):
        order(desk.till, source="receipt")


def test_two_receipts_of_one_number_corrected_at_once_are_one_order(desk):
    mine, his = desk.snap("1001"), desk.snap("1002", who=desk.other())
    results = at_once(2, lambda place: desk.judge((mine, his)[place], number="1003"))
    (refused,) = [each for each in results if isinstance(each, ConflictError)]
    assert refused.code == "receipt_known"
    with reading(desk.till.house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Purchase)) == 1
    assert desk.points() + desk.points(desk.other()) == 100
