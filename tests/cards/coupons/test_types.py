"""Each type's life and quote at a counter: partial uses, reversal, stock, and the last fen."""

import pytest

from app.core.unit import reading
from cards.coupon_type import Line, read_terms
from cards.coupons.asked import LineIn, OrderIn
from cards.models.coupons import CouponState
from tests.support.coupons import at_once, open_counter

ITEM = {"sku": "TEA", "goods": "龙井", "amount_fen": 700, "pieces": 2}


def order(*lines, order_no=None):
    made = [LineIn(number=place, sku=sku, quantity=quantity, amount_fen=fen) for place, (sku, quantity, fen) in enumerate(lines, 1)]
    return OrderIn(lines=made, order_no=order_no)


def off(name, terms, *lines, times=1):
    kind, checked = read_terms(name, terms)
    return kind.discounts(checked, [Line(sku, quantity, fen) for sku, quantity, fen in lines], times=times)


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ([("TEA", 1, 5000), ("CUP", 1, 9000)], [700, 0]),
        ([("TEA", 3, 6000)], [1400]),
        ([("TEA", 1, 300), ("TEA", 1, 5000)], [300, 700]),
        ([("TEA", 2, 1001)], [1000]),
        ([("CUP", 1, 9000)], [0]),
        ([("", 1, 9000)], [700]),
    ],
)
def test_one_item_counts_for_its_pieces_alone(lines, parts):
    assert off("one_item", ITEM, *lines) == parts


def test_an_item_coupon_finds_its_item_on_the_slip(house):
    counter = open_counter(house)
    coupon = counter.coupon(type="one_item", terms=ITEM)
    assert counter.redeem(coupon.code, order=order(("CUP", 1, 5000))).body["code"] == "no_goods"
    done = counter.redeem(coupon.code, order=order(("CUP", 1, 5000), ("TEA", 1, 3000)))
    assert (done.body["outcome"], done.body["discount_fen"]) == ("done", 700)


def test_an_item_coupon_needs_an_amount_and_takes_no_more_than_it(house):
    counter = open_counter(house)
    coupon = counter.coupon(type="one_item", terms={**ITEM, "amount_fen": 7000})
    assert counter.redeem(coupon.code, order=OrderIn()).body["code"] == "amount_needed"
    assert counter.redeem(coupon.code, order=OrderIn(total_fen=500)).body["discount_fen"] == 500


def test_a_times_card_lives_use_by_use_and_takes_each_back(house):
    counter = open_counter(house)
    card = counter.coupon(type="times_card", terms={"goods": "咖啡", "uses": 5})
    first = counter.redeem(card.code, times=2)
    assert (first.body["outcome"], first.body["coupon"]["uses_left"]) == ("done", 3)
    assert counter.redeem(card.code, times=4).body["code"] == "too_many_times"
    second = counter.redeem(card.code, times=3)
    assert second.body["coupon"]["uses_left"] == 0
    assert counter.reread(card).state == CouponState.USED
    assert counter.redeem(card.code).body["code"] == "already_used"
    assert counter.undo(first.body["use"]).body["outcome"] == "done"
    back = counter.reread(card)
    assert (back.state, back.uses_left) == (CouponState.ISSUED, 2)
    assert counter.undo(first.body["use"]).body["code"] == "already_reversed"
    assert counter.undo(second.body["use"]).body["outcome"] == "done"
    assert counter.reread(card).uses_left == 5


def test_ten_tills_take_five_cups(house):
    counter = open_counter(house)
    card = counter.coupon(type="times_card", terms={"goods": "咖啡", "uses": 5})
    answers = at_once(10, lambda _: counter.redeem(card.code).body["outcome"])
    assert sorted(answers) == ["already_used"] * 5 + ["done"] * 5
    assert counter.reread(card).uses_left == 0


def test_a_times_card_pays_for_one_piece_a_time(house):
    counter = open_counter(house)
    card = counter.coupon(type="times_card", terms={"goods": "咖啡", "uses": 5}, skus=["COFFEE"])
    done = counter.redeem(card.code, times=2, order=order(("COFFEE", 3, 9000), ("CAKE", 1, 4000)))
    assert done.body["discount_fen"] == 6000


@pytest.mark.parametrize(
    ("name", "terms", "lines", "discount"),
    [
        ("exchange", {"goods": "马克杯", "pay_fen": 990}, [("CUP", 2, 10_000)], 4010),
        ("exchange", {"goods": "马克杯"}, [("CUP", 1, 5000)], 5000),
        ("gift", {"gift": "帆布袋", "sku": "BAG"}, [("BAG", 1, 2000), ("TEA", 1, 500)], 2000),
        ("percent_off", {"percent": 20, "cap_fen": 1500}, [("TEA", 1, 10_000)], 1500),
        ("amount_off", {"amount_fen": 2000}, [("TEA", 1, 1200)], 1200),
    ],
)
def test_every_type_goes_from_claim_to_use_and_back(house, name, terms, lines, discount):
    counter = open_counter(house)
    coupon = counter.coupon(type=name, terms=terms)
    done = counter.redeem(coupon.code, order=order(*lines))
    assert (done.body["outcome"], done.body["discount_fen"]) == ("done", discount)
    assert counter.undo(done.body["use"]).body["outcome"] == "done"
    assert counter.reread(coupon).state == CouponState.ISSUED
    assert counter.redeem(coupon.code, order=order(*lines)).body["discount_fen"] == discount
    with reading(house.engine) as session:
        assert session.get_one(type(coupon), coupon.id).uses_left == 0
