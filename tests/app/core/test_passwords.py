"""Passwords, time-based codes and tokens: known answers, and what must not fit."""

from datetime import UTC, datetime, timedelta

import pytest

from app.core.errors import BadRequestError
from app.core.passwords import (
    NOBODY,
    hash_password,
    new_pair_code,
    new_totp_secret,
    password_fits,
    totp_address,
    totp_code,
    totp_step,
)

# RFC 6238, appendix B, SHA-1, its last six digits: seconds and code for the secret "12345678901234567890".
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
VECTORS = [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")]


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_the_codes_are_those_of_the_rfc(seconds, code):
    assert totp_code(SECRET, seconds // 30) == code


def test_a_code_is_good_one_step_early_or_late_and_never_twice():
    now = datetime(2026, 11, 22, 4, tzinfo=UTC)
    step = int(now.timestamp()) // 30
    for off in (-1, 0, 1):
        assert totp_step(SECRET, totp_code(SECRET, step + off), now=now, after=0) == step + off
    assert totp_step(SECRET, totp_code(SECRET, step - 2), now=now, after=0) is None
    assert totp_step(SECRET, totp_code(SECRET, step), now=now, after=step) is None
    assert totp_step(SECRET, totp_code(SECRET, step), now=now + timedelta(minutes=2), after=0) is None


def test_a_password_fits_its_own_hash_alone():
    held = hash_password("correct horse", cost=2**10)
    assert password_fits("correct horse", held)
    assert not password_fits("correct horsf", held)
    assert held != hash_password("correct horse", cost=2**10)
    assert "correct" not in held


@pytest.mark.parametrize("held", ["", "scrypt$x", "plain$1$2$3$4$5", "scrypt$a$8$1$AA==$AA=="])
def test_a_broken_hash_fits_nothing(held):
    assert not password_fits("correct horse", held)


def test_nobody_has_a_password():
    assert not password_fits("anything at all", NOBODY)


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "x" * 129])
def test_a_weak_password_is_refused(password):
    with pytest.raises(BadRequestError) as refused:
        hash_password(password)
    assert refused.value.code == "bad_password"


def test_a_pairing_code_has_no_signs_that_look_alike():
    signs = {sign for _ in range(50) for sign in new_pair_code()}
    assert not signs & set("01IOL")
    assert len(new_pair_code()) == 11


def test_an_authenticator_reads_the_address():
    secret = new_totp_secret()
    assert totp_address(secret, login="chen").startswith(f"otpauth://totp/Fanka:chen?secret={secret}&issuer=Fanka")
