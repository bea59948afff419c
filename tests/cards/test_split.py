"""Division without drift."""

from hypothesis import given
from hypothesis import strategies as st

from cards.split import split, step

whole = st.integers(0, 10**9)


@given(whole, st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
def test_the_parts_sum_to_the_whole_and_lie_within_one_of_their_share(total, weights):
    parts = split(total, weights)
    assert sum(parts) == total
    shares = weights if sum(weights) else [1] * len(weights)
    for part, weight in zip(parts, shares, strict=True):
        assert abs(part - total * weight / sum(shares)) <= 1 + total * 1e-12


@given(whole, st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_the_steps_of_a_whole_way_sum_to_the_whole(total, strides):
    of, gone, sum_of_steps = sum(strides), 0, 0
    for stride in strides:
        part = step(total, before=gone, after=gone + stride, of=of)
        assert part >= 0
        sum_of_steps += part
        gone += stride
    assert sum_of_steps == total


def test_what_rounding_leaves_goes_to_the_largest_remainder_then_the_earlier():
    assert split(10, [1, 1, 1]) == [4, 3, 3]
    assert split(100, [50, 25, 26]) == [49, 25, 26]
    assert split(5, [0, 0]) == [3, 2]
    assert split(7, []) == []
