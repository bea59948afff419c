"""Patterns against what people write: forgiving about form, and linear in time whatever is written."""

import pytest

from app.core.errors import BadRequestError
from handlers.matching import MAX_TEXT, check_pattern, compile_regex, plain
from handlers.models import Match


@pytest.mark.parametrize(("written", "meant"), [(" VIP ", "vip"), ("ＶＩＰ", "vip"), ("优惠券　", "优惠券"), ("ﬀ", "ff"), ("", "")])
def test_form_does_not_matter(written: str, meant: str) -> None:
    assert plain(written) == meant


def test_a_long_text_is_cut_before_it_is_looked_at() -> None:
    assert len(plain("x" * 65_536)) == MAX_TEXT


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_pattern_that_ruins_backtracking_engines_ends(pattern: str) -> None:
    # Python's own engine needs longer than the age of the world for the first of these.
    assert compile_regex(pattern).search("a" * MAX_TEXT + "!") is None


def test_a_pattern_beyond_its_memory_is_refused() -> None:
    with pytest.raises(BadRequestError):
        check_pattern(r"\pL{900}\pN{900}", Match.REGEX)


def test_case_and_width_are_one_for_expressions_too() -> None:
    assert compile_regex("^vip[0-9]+$").search(plain("ＶＩＰ１２")) is not None
