"""Signatures and AES of the message push, as the platform's technical plan describes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import struct
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

KEY_CHARS: Final = 43
_BLOCK: Final = 32
_AES_BLOCK: Final = 16


class CipherError(Exception):
    """The ciphertext does not open, or opens to something that is not ours."""


def signature(*parts: str) -> str:
    """SHA-1 over the sorted parts: token, timestamp, nonce and, in safe mode, the ciphertext."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def signature_matches(expected: str, given: str) -> bool:
    """Compare two signatures in constant time."""
    return hmac.compare_digest(expected.encode(), given.encode())


def decode_key(aes_key: str) -> bytes:
    """Return the 32 bytes of an EncodingAESKey of 43 characters; raises ValueError."""
    if len(aes_key) != KEY_CHARS:
        message = f"aes_key has {KEY_CHARS} characters"
        raise ValueError(message)
    key = base64.b64decode(aes_key + "=", validate=True)
    if len(key) != _BLOCK:
        message = "aes_key does not decode to 32 bytes"
        raise ValueError(message)
    return key


def encrypt(key: bytes, appid: str, message: bytes) -> str:
    """Return base64 of AES-CBC over random(16), length(4, network order), message and appid, padded to 32."""
    plain = os.urandom(16) + struct.pack(">I", len(message)) + message + appid.encode()
    pad = _BLOCK - len(plain) % _BLOCK
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
    return base64.b64encode(sealed).decode("ascii")


def decrypt(key: bytes, appid: str, sealed: str) -> bytes:
    """Return the message inside; raises CipherError for anything that `encrypt` for this appid did not make."""
    try:
        raw = base64.b64decode(sealed, validate=True)
    except ValueError as error:
        message = "not base64"
        raise CipherError(message) from error
    if not raw or len(raw) % _AES_BLOCK:
        message = "not whole blocks"
        raise CipherError(message)
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    plain = decryptor.update(raw) + decryptor.finalize()
    pad = plain[-1]
    if not 1 <= pad <= _BLOCK or plain[-pad:] != bytes([pad]) * pad or len(plain) - pad < 20:
        message = "bad padding"
        raise CipherError(message)
    (length,) = struct.unpack(">I", plain[16:20])
    end = 20 + length
    if end > len(plain) - pad or plain[end:-pad] != appid.encode():
        message = "not for this appid"
        raise CipherError(message)
    return plain[20:end]
