"""Whole numbers divided without drift: the parts always sum to the whole."""

from collections.abc import Sequence


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Divide `total` by weights; what rounding leaves goes to the largest remainders, the earlier one first.

    Weights that are all zero share equally. Nothing is negative.
    """
    assert total >= 0
    assert all(weight >= 0 for weight in weights)
    if not weights:
        return []
    if not sum(weights):
        weights = [1] * len(weights)
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda place: (-(total * weights[place] % whole), place))
    for place in order[: total - sum(parts)]:
        parts[place] += 1
    return parts


def step(total: int, *, before: int, after: int, of: int) -> int:
    """The part of `total` that falls on going from `before` to `after` out of `of`: the steps of a whole way sum to the whole."""
    assert 0 <= before <= after <= of
    return total * after // of - total * before // of
