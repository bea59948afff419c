"""Typed codes survive mistakes of typing; moving codes die within a minute and cannot be made without the key."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.secrets import KeyRing
from cards import codes

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
RING = KeyRing((("k1", b"1" * 32),), (("l1", b"2" * 32),))
TURNED = KeyRing((("k2", b"3" * 32), ("k1", b"1" * 32)), RING.lookup)
STRANGER = KeyRing((("k1", b"9" * 32),), RING.lookup)


@settings(max_examples=100)
@given(st.integers(0, 11), st.sampled_from(codes.ALPHABET))
def test_one_wrong_sign_is_always_found(place, sign):
    code = codes.new_code()
    wrong = code[:place] + sign + code[place + 1 :]
    assert codes.is_typed(code)
    assert codes.is_typed(wrong) == (wrong == code)


def test_two_neighbours_swapped_are_always_found():
    for _ in range(50):
        code = codes.new_code()
        for place in range(11):
            swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
            assert codes.is_typed(swapped) == (swapped == code)


def test_what_a_person_types_is_made_plain():
    code = codes.new_code()
    assert codes.tidy(f" {codes.shown(code).lower()} ") == code
    assert codes.tidy("ＡＢ２３") == "AB23"
    assert len(codes.tidy("A" * 100_000)) <= codes.LONGEST
    assert not set("01OIL") & set(codes.ALPHABET)


def test_codes_are_not_the_same_twice():
    assert len({codes.new_code() for _ in range(2000)}) == 2000


@pytest.mark.parametrize(
    ("seconds", "good"),
    [(-61, False), (-31, False), (-30, True), (0, True), (29, True), (30, True), (59, True), (60, False), (30_720, False)],
)
def test_a_moving_code_is_good_for_its_half_minute_and_one_step(seconds, good):
    code = codes.make_moving(RING, kind=codes.COUPON, subject=12345, now=NOW)
    found = codes.read_moving(RING, code, now=NOW + timedelta(seconds=seconds))
    assert (found is not None) is good
    if found is not None:
        assert (found.kind, found.subject) == ("C", 12345)


def test_a_moving_code_outlives_the_turning_of_the_key_and_no_other():
    code = codes.make_moving(RING, kind=codes.MEMBER, subject=8_888_000_000_000_007, now=NOW)
    assert codes.read_moving(TURNED, code, now=NOW) is not None
    assert codes.read_moving(STRANGER, code, now=NOW) is None


@settings(max_examples=100)
@given(st.integers(0, 24), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_a_changed_moving_code_is_forged(place, sign):
    code = codes.make_moving(RING, kind=codes.COUPON, subject=777, now=NOW)
    changed = code[:place] + sign + code[place + 1 :]
    assert (codes.read_moving(RING, changed, now=NOW) is None) == (changed != code)


@given(st.text(max_size=200))
def test_any_text_is_read_without_a_fault(text):
    tidy = codes.tidy(text)
    assert codes.read_moving(RING, tidy, now=NOW) is None
    assert isinstance(codes.is_typed(tidy), bool)


def test_a_code_of_each_step_has_a_digest_of_its_own():
    first = codes.read_moving(RING, codes.make_moving(RING, kind="C", subject=5, now=NOW), now=NOW)
    later = NOW + timedelta(seconds=30)
    second = codes.read_moving(RING, codes.make_moving(RING, kind="C", subject=5, now=later), now=later)
    assert first.digest != second.digest


def test_a_moving_code_does_not_hold_the_typed_one():
    number, code = codes.new_number(), codes.new_code()
    assert code not in codes.make_moving(RING, kind="C", subject=number, now=NOW)
    with pytest.raises(ValueError):
        codes.make_moving(RING, kind="C", subject=codes.LARGEST_SUBJECT + 1, now=NOW)


def test_signatures_hold_for_one_purpose_and_text():
    signed = codes.sign_text(RING, "ticket", "a")
    assert codes.is_signed(TURNED, "ticket", "a", signed)
    assert not codes.is_signed(RING, "ticket", "b", signed)
    assert not codes.is_signed(RING, "other", "a", signed)
    assert not codes.is_signed(STRANGER, "ticket", "a", signed)
