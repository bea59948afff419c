"""What proves who somebody is: passwords by scrypt (RFC 7914), time-based codes (RFC 6238) and random tokens kept as hashes."""

import base64
import hashlib
import hmac
import os
import secrets
import struct
from datetime import datetime
from urllib.parse import quote, urlencode

from app.core.errors import BadRequestError

_COST, _BLOCK, _LANES = 2**15, 8, 3
_MEMORY = 64 * 1024 * 1024
_HASH_BYTES = 32
SHORTEST, LONGEST = 8, 128
STEP_S = 30
_DIGITS = 6
_TOTP_BYTES = 20
TOKEN_BYTES = 32
# Without signs that are mistaken for each other when they are read aloud or typed.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def hash_password(password: str, *, cost: int | None = None) -> str:
    """The written form `scrypt$cost$block$lanes$salt$hash`. Raises BadRequestError for a password nobody should have."""
    check_password(password)
    salt, cost = os.urandom(16), cost or _COST
    made = _scrypt(password, salt, cost, _BLOCK, _LANES)
    return f"scrypt${cost}${_BLOCK}${_LANES}${_written(salt)}${_written(made)}"


def check_password(password: str) -> None:
    """Raises BadRequestError unless a password has 8 to 128 signs and more than three different ones."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadRequestError(f"密码应有 {SHORTEST} 到 {LONGEST} 位 / a password has {SHORTEST} to {LONGEST} signs", code="bad_password")
    if len(set(password)) < 4:
        raise BadRequestError("密码过于简单 / the password is too simple", code="bad_password")


def password_fits(password: str, held: str) -> bool:
    """Whether a password is the one that was hashed."""
    try:
        name, cost, block, lanes, salt, made = held.split("$")
        if name != "scrypt" or len(password) > LONGEST:
            return False
        return hmac.compare_digest(_scrypt(password, _read(salt), int(cost), int(block), int(lanes)), _read(made))
    except ValueError:
        return False


# Compared against when the login is unknown, so that the answer takes as long as for a known one.
NOBODY = "scrypt$32768$8$3$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def new_totp_secret() -> str:
    """A fresh secret as authenticator apps take it: 160 bits in base32."""
    return base64.b32encode(os.urandom(_TOTP_BYTES)).decode()


def totp_code(secret: str, step: int) -> str:
    """The six digits of a time step (RFC 4226 with the counter of RFC 6238)."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    number = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def totp_step(secret: str, code: str, *, now: datetime, after: int) -> int | None:
    """The time step a code belongs to, one step early or late allowed; None when it fits none newer than `after`."""
    present = int(now.timestamp()) // STEP_S
    for step in (present, present - 1, present + 1):
        if step > after and hmac.compare_digest(totp_code(secret, step), code):
            return step
    return None


def totp_address(secret: str, *, login: str) -> str:
    """The `otpauth://` address an authenticator app reads from a QR code."""
    return f"otpauth://totp/Fanka:{quote(login)}?{urlencode({'secret': secret, 'issuer': 'Fanka', 'period': STEP_S, 'digits': _DIGITS})}"


def new_token() -> str:
    """A random token for a cookie."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_pair_code() -> str:
    """Ten signs in two groups, made to be read from one screen and typed on another."""
    signs = "".join(secrets.choice(ALPHABET) for _ in range(10))
    return f"{signs[:5]}-{signs[5:]}"


def token_hash(token: str) -> bytes:
    """What is kept of a token or a pairing code: both are random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=block, p=lanes, maxmem=_MEMORY, dklen=_HASH_BYTES)


def _written(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _read(written: str) -> bytes:
    return base64.b64decode(written, validate=True)
