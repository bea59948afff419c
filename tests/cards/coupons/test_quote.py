"""The quote against brute force and arithmetic: the best combination, every fen placed, nothing below zero."""

from itertools import chain, combinations
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.coupon_type import coupon_types, read_terms
from cards.quote import BasketLine, Means, Offer, quote, stacks


def offer(number, type_name, terms, **wishes):
    kind, checked = read_terms(type_name, terms)
    return Offer(UUID(int=number), kind, checked, **wishes)


LINES = st.lists(
    st.builds(
        BasketLine,
        number=st.integers(1, 99),
        sku=st.sampled_from(["tea", "cup", "rice"]),
        category=st.sampled_from(["food", "home"]),
        quantity=st.integers(1, 4),
        amount_fen=st.integers(0, 30_000),
        is_reward=st.booleans(),
    ),
    min_size=1,
    max_size=5,
)
WORTH = st.one_of(
    st.tuples(st.just("amount_off"), st.builds(lambda fen: {"amount_fen": fen}, st.integers(1, 40_000))),
    st.tuples(st.just("percent_off"), st.builds(lambda p, cap: {"percent": p, "cap_fen": cap}, st.integers(1, 99), st.integers(1, 9_000))),
    st.tuples(st.just("exchange"), st.builds(lambda fen: {"goods": "茶", "pay_fen": fen}, st.integers(0, 500))),
    st.tuples(st.just("gift"), st.just({"gift": "杯", "sku": "cup", "quantity": 1})),
    st.tuples(st.just("times_card"), st.just({"goods": "茶", "uses": 5})),
)
OFFERS = st.lists(
    st.tuples(
        WORTH,
        st.sampled_from(["alone", "free", "cash", "percent"]),
        st.integers(0, 10_000),
        st.sampled_from([frozenset(), frozenset({"tea"}), frozenset({"cup", "rice"})]),
    ),
    max_size=5,
).map(
    lambda rows: [
        offer(number, *worth, stacking_class=stacking, minimum_fen=least, skus=skus)
        for number, (worth, stacking, least, skus) in enumerate(rows, 1)
    ]
)
MEANS = st.builds(
    Means,
    tier_percent=st.integers(50, 100),
    points=st.integers(0, 100_000),
    points_wish=st.one_of(st.none(), st.integers(0, 100_000)),
    fen_per_100_points=st.integers(0, 300),
    points_cap_percent=st.integers(0, 100),
    points_least=st.integers(1, 500),
    value_fen=st.integers(0, 50_000),
    value_wish_fen=st.one_of(st.none(), st.integers(0, 50_000)),
)


@settings(max_examples=150, deadline=None)
@given(LINES, OFFERS, MEANS)
def test_every_fen_is_placed_and_nothing_falls_below_zero(basket, offers, means):
    found = quote(basket, offers, means)
    paid = found.tier_fen + found.coupon_fen + found.points_fen + found.value_fen + found.to_pay_fen
    assert paid == found.total_fen == sum(line.amount_fen for line in basket)
    assert min(found.tier_fen, found.points, found.points_fen, found.value_fen, found.to_pay_fen) >= 0
    assert all(0 <= off <= line.amount_fen for (_, off), line in zip(found.lines, basket, strict=True))
    assert sum(off for _, off in found.lines) == found.tier_fen + found.coupon_fen
    assert found.points <= means.points
    assert found.value_fen <= means.value_fen
    assert found.points_fen * 100 <= found.points * means.fen_per_100_points
    assert found.points_fen * 100 <= (found.total_fen - found.tier_fen - found.coupon_fen) * means.points_cap_percent


@settings(max_examples=100, deadline=None)
@given(LINES, OFFERS, st.integers(50, 100))
def test_no_allowed_combination_takes_off_more(basket, offers, percent):
    means = Means(tier_percent=percent)
    best = quote(basket, offers, means)
    assert stacks([each.stacking_class for each in offers if each.key in {applied.key for applied in best.coupons}])
    for chosen in chain.from_iterable(combinations(offers, size) for size in range(len(offers) + 1)):
        if stacks([each.stacking_class for each in chosen]):
            other = quote(basket, offers, means, chosen={each.key for each in chosen})
            assert other.coupon_fen <= best.coupon_fen
            assert other.coupon_fen < best.coupon_fen or len(best.coupons) <= len(other.coupons)


def line(amount_fen, *, number=1, sku="tea", category="food", quantity=1, **more):
    return BasketLine(number, sku, category, quantity, amount_fen, **more)


def test_a_coupon_larger_than_the_order_leaves_nothing_to_pay_and_no_change():
    found = quote([line(800)], [offer(1, "amount_off", {"amount_fen": 5000})], Means())
    assert (found.coupon_fen, found.to_pay_fen) == (800, 0)


def test_tier_coupon_points_and_balance_in_one_quote():
    means = Means(
        tier_percent=90, points=5000, points_wish=None, fen_per_100_points=100, points_cap_percent=50, value_fen=2000, value_wish_fen=None
    )
    found = quote([line(10_000)], [offer(1, "amount_off", {"amount_fen": 1000}, minimum_fen=9000)], means)
    assert (found.tier_fen, found.coupon_fen, found.points, found.points_fen, found.value_fen, found.to_pay_fen) == (
        1000,
        1000,
        4000,
        4000,
        2000,
        2000,
    )


def test_the_minimum_is_measured_on_the_coupons_goods_after_the_tier():
    offers = [offer(1, "amount_off", {"amount_fen": 1000}, minimum_fen=9001)]
    assert quote([line(10_000)], offers, Means(tier_percent=90)).refused == ((UUID(int=1), "below_minimum"),)
    reward = [line(5000), line(5000, number=2, is_reward=True)]
    assert quote(reward, [offer(1, "amount_off", {"amount_fen": 1}, minimum_fen=5001)], Means()).refused == (
        (UUID(int=1), "below_minimum"),
    )
    foreign = quote([line(5000, sku="cup")], [offer(1, "amount_off", {"amount_fen": 1}, skus=frozenset({"tea"}))], Means())
    assert foreign.refused == ((UUID(int=1), "no_goods"),)


def test_a_percentage_is_capped_and_rounded_down():
    assert quote([line(1999)], [offer(1, "percent_off", {"percent": 15})], Means()).coupon_fen == 299
    assert quote([line(100_000)], [offer(1, "percent_off", {"percent": 15, "cap_fen": 500})], Means()).coupon_fen == 500


def test_goods_come_before_percentages_and_amounts_last():
    basket = [line(3000, sku="tea"), line(7000, number=2, sku="rice")]
    offers = [
        offer(1, "amount_off", {"amount_fen": 1000}, stacking_class="cash"),
        offer(2, "percent_off", {"percent": 10}, stacking_class="percent"),
        offer(3, "exchange", {"goods": "茶"}, stacking_class="free", skus=frozenset({"tea"})),
    ]
    found = quote(basket, offers, Means())
    assert {each.key.int: each.discount_fen for each in found.coupons} == {3: 3000, 2: 700, 1: 1000}
    assert found.lines == ((1, 3000), (2, 1700))


def test_named_coupons_that_do_not_go_together_are_said():
    offers = [offer(1, "amount_off", {"amount_fen": 100}), offer(2, "amount_off", {"amount_fen": 200})]
    found = quote([line(1000)], offers, Means(), chosen={UUID(int=1), UUID(int=2)})
    assert found.coupon_fen == 100
    assert found.refused == ((UUID(int=2), "no_stacking"),)


def test_points_below_the_least_are_not_used():
    means = Means(points=99, points_wish=None, fen_per_100_points=100, points_least=100)
    assert quote([line(1000)], [], means).points == 0


@pytest.mark.parametrize(
    ("type_name", "terms"),
    [
        ("amount_off", {"amount_fen": 0}),
        ("amount_off", {"amount_fen": -5}),
        ("amount_off", {"amount_fen": 10.5}),
        ("amount_off", {"amount_fen": 10, "cap_fen": 1}),
        ("percent_off", {"percent": 100}),
        ("percent_off", {"percent": 10, "cap_fen": 0}),
        ("times_card", {"goods": "茶", "uses": 1}),
        ("gift", {"gift": "  "}),
        ("exchange", {"goods": "茶", "pay_fen": -1}),
        ("lottery", {}),
    ],
)
def test_terms_that_cannot_be_are_refused(type_name, terms):
    with pytest.raises(Exception, match=r"terms|no coupon type"):
        read_terms(type_name, terms)


@settings(max_examples=60, deadline=None)
@given(LINES, WORTH, st.integers(1, 5))
def test_no_type_takes_more_off_a_line_than_it_costs(basket, worth, times):
    kind, terms = read_terms(*worth)
    found = quote(basket, [Offer(UUID(int=1), kind, terms, times=times)], Means())
    assert all(off <= each.amount_fen for (_, off), each in zip(found.lines, basket, strict=True))


def test_the_types_are_found_and_say_what_they_are_worth():
    assert set(coupon_types()) == {"amount_off", "percent_off", "gift", "exchange", "times_card", "one_item"}
    kind, terms = read_terms("percent_off", {"percent": 15, "cap_fen": 5050})
    assert kind.say(terms) == ("8.5 折，最多减 50.50 元", "15% off, at most ¥50.50")
    kind, terms = read_terms("percent_off", {"percent": 20})
    assert kind.say(terms)[0] == "8 折"
