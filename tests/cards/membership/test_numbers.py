"""Card numbers: every slip is found, and they say nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.numbers import check_digit, new_number, tidy_number


def test_luhn_agrees_with_the_known_example():
    assert check_digit("7992739871") == "3"


@given(st.integers(0, 15), st.integers(1, 9))
def test_a_wrong_digit_anywhere_is_found(place, step):
    number = new_number()
    wrong = number[:place] + str((int(number[place]) + step) % 10) + number[place + 1 :]
    assert tidy_number(number) == number
    assert tidy_number(wrong) is None


def test_a_number_may_be_written_with_blanks_dashes_and_wide_digits():
    number = new_number()
    written = f" {number[:4]}-{number[4:8]} {number[8:]} ".translate({ord("0") + n: 0xFF10 + n for n in range(10)})
    assert tidy_number(written) == number


@pytest.mark.parametrize("written", ["", "8", "8" * 15, "8" * 17, "x" * 16, "٨" * 16, "1" * 100_000])
def test_what_is_no_number_is_none(written):
    assert tidy_number(written) is None


def test_numbers_do_not_count():
    drawn = {new_number() for _ in range(500)}
    assert len(drawn) == 500
    assert {len(number) for number in drawn} == {16}
