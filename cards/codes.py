"""Codes: twelve signs that can be typed without a mistake, and codes that move every 30 seconds and cannot be copied."""

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from app.core.secrets import KeyRing

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Neither 0 and O nor 1, I and L. Its 31 signs are a prime number, so that the check sign finds every single mistake and every swap."""
TYPED_LENGTH = 12
STEP_S = 30
MEMBER, COUPON = "M", "C"
LONGEST = 64
SHORTEST_SIGNATURE = 32

_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {sign: value for value, sign in enumerate(_BASE32)}
_SUBJECT_SIGNS, _STEP_SIGNS, _MAC_SIGNS = 11, 2, 10
_MOVING_LENGTH = 2 + _STEP_SIGNS + _SUBJECT_SIGNS + _MAC_SIGNS
LARGEST_SUBJECT = 32**_SUBJECT_SIGNS - 1


def new_code() -> str:
    """A fresh typed code: eleven random signs (54 bits) and a check sign."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(TYPED_LENGTH - 1))
    return body + check_sign(body)


def check_sign(body: str) -> str:
    """The sign after `body`: weights 1, 2, 3, ... modulo 31."""
    return ALPHABET[sum(place * ALPHABET.index(sign) for place, sign in enumerate(body, 1)) % len(ALPHABET)]


def tidy(text: str) -> str:
    """A code as it is stored: full-width signs made narrow, capitals, without blanks and dashes; cut to a bounded length."""
    narrow = unicodedata.normalize("NFKC", text[: LONGEST * 2]).upper()
    return "".join(sign for sign in narrow if sign.isalnum())[:LONGEST]


def is_typed(code: str) -> bool:
    """Whether a tidy code has the form of a typed one, check sign included. Costs no look-up."""
    return len(code) == TYPED_LENGTH and all(sign in ALPHABET for sign in code) and check_sign(code[:-1]) == code[-1]


def shown(code: str) -> str:
    """A typed code in groups of four, as it is printed."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


@dataclass(frozen=True, slots=True)
class Moving:
    """A moving code that was read: what it stands for, and its digest, under which it is accepted once."""

    kind: str
    """`MEMBER` or `COUPON`."""
    subject: int
    """A member card's number, or the coupon's random number."""
    digest: str


def make_moving(ring: KeyRing, *, kind: str, subject: int, now: datetime) -> str:
    """The code of this half minute: kind, key, time step, subject and HMAC; 25 signs that QR (alphanumeric) and Code 128 carry well."""
    if not 0 <= subject <= LARGEST_SUBJECT:
        raise ValueError("a subject has 55 bits")
    step = _step(now)
    key_id, key = ring.sealing[0]
    head = kind + _key_sign(key_id) + _write(step % 32**_STEP_SIGNS, _STEP_SIGNS) + _write(subject, _SUBJECT_SIGNS)
    return head + _mac(key, head, step)


def is_moving(code: str) -> bool:
    """Whether a tidy code has the form of a moving one."""
    return len(code) == _MOVING_LENGTH and code[0] in (MEMBER, COUPON)


def read_moving(ring: KeyRing, code: str, *, now: datetime) -> Moving | None:
    """Check a tidy moving code. None when it is forged, or older than one step (so it dies within a minute)."""
    if not is_moving(code) or any(sign not in _VALUE for sign in code[1:]):
        return None
    head = code[:-_MAC_SIGNS]
    low = _read(head[2 : 2 + _STEP_SIGNS])
    current = _step(now)
    for step in (current, current - 1, current + 1):
        if step % 32**_STEP_SIGNS != low:
            continue
        for key_id, key in ring.sealing:
            if _key_sign(key_id) == code[1] and hmac.compare_digest(_mac(key, head, step), code[-_MAC_SIGNS:]):
                digest = hashlib.sha256(f"{step}:{code}".encode()).hexdigest()
                return Moving(code[0], _read(head[2 + _STEP_SIGNS :]), digest)
    return None


def new_number() -> int:
    """A random number for a coupon's moving codes: 54 bits, as a bigint column and eleven signs hold it."""
    return secrets.randbits(54)


def sign_text(ring: KeyRing, purpose: str, text: str) -> str:
    """An HMAC over a text for one purpose, hex, with the ring's present key."""
    return hmac.new(_derived(ring.sealing[0][1], purpose), text.encode(), hashlib.sha256).hexdigest()


def is_signed(ring: KeyRing, purpose: str, text: str, signature: str) -> bool:
    """Whether one of the ring's keys made this signature; 128 bits of it are enough."""
    made = (hmac.new(_derived(key, purpose), text.encode(), hashlib.sha256).hexdigest() for _, key in ring.sealing)
    return len(signature) >= SHORTEST_SIGNATURE and any(hmac.compare_digest(each[: len(signature)], signature) for each in made)


def _derived(key: bytes, purpose: str) -> bytes:
    """A key for one purpose, from which the house's own cannot be found (HKDF-Expand of RFC 5869, one block)."""
    return hmac.new(key, f"fanka {purpose}\x01".encode(), hashlib.sha256).digest()


def _step(now: datetime) -> int:
    return int(now.timestamp()) // STEP_S


def _key_sign(key_id: str) -> str:
    return _BASE32[hashlib.sha256(key_id.encode()).digest()[0] % 32]


def _mac(key: bytes, head: str, step: int) -> str:
    digest = hmac.new(_derived(key, "moving code"), f"{step}:{head}".encode(), hashlib.sha256).digest()
    return _write(int.from_bytes(digest[:8], "big") % 32**_MAC_SIGNS, _MAC_SIGNS)


def _write(value: int, signs: int) -> str:
    return "".join(_BASE32[value >> 5 * place & 31] for place in reversed(range(signs)))


def _read(text: str) -> int:
    value = 0
    for sign in text:
        value = value * 32 + _VALUE[sign]
    return value
