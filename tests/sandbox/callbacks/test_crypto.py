"""Signatures and AES against the platform's vectors and another implementation."""

import pytest

from sandbox.callbacks.crypto import CipherError, decode_key, decrypt, encrypt, signature
from tests.sandbox.driver import AES_KEY

# Made with `openssl enc -aes-256-cbc`: random 0123456789abcdef, a message of 46 bytes, appid wxvector.
SEALED = "Q3stYC6hdFzMh9T8HCvyDMwQK6xyeRZ7UnuZsYfP7/6Yf0piNuk7kxZYuxJFeZQQ6WWSSAGv9ZFJIKURndrGsyi3n+yu4vXpjs/XnlzTSV9Uhxwmh2h6h9PnmlLqQPAP"
MESSAGE = "<xml><Content><![CDATA[你好]]></Content></xml>"


@pytest.mark.parametrize(
    ("timestamp", "nonce", "expected"),
    [
        ("1714036504", "1514711492", "f464b24fc39322e44b38aa78f5edd27bd1441696"),
        ("1714037059", "486452656", "899cf89e464efb63f54ddac96b0a0a235f53aa78"),
    ],
)
def test_the_platforms_own_signature_vectors(timestamp, nonce, expected):
    assert signature("AAAAA", timestamp, nonce) == expected


def test_opens_what_another_implementation_sealed():
    assert decrypt(decode_key(AES_KEY), "wxvector", SEALED).decode() == MESSAGE


def test_seals_afresh_and_opens_again():
    key = decode_key(AES_KEY)
    first, second = (encrypt(key, "wxA", MESSAGE.encode()) for _ in range(2))
    assert first != second
    assert decrypt(key, "wxA", first) == decrypt(key, "wxA", second) == MESSAGE.encode()


@pytest.mark.parametrize("length", [0, 1, 8, 9, 31, 32, 1000])
def test_every_length_pads_to_blocks_of_32(length):
    key = decode_key(AES_KEY)
    sealed = encrypt(key, "wx", b"x" * length)
    assert decrypt(key, "wx", sealed) == b"x" * length


@pytest.mark.parametrize("broken", ["", "!!!!", "AAAA", SEALED[:-4] + "AAAA", SEALED[4:]])
def test_a_broken_ciphertext_is_an_error_of_ours(broken):
    with pytest.raises(CipherError):
        decrypt(decode_key(AES_KEY), "wxvector", broken)


def test_a_ciphertext_for_another_account_does_not_open():
    with pytest.raises(CipherError):
        decrypt(decode_key(AES_KEY), "wxother", SEALED)


@pytest.mark.parametrize("key", ["", "short", "a" * 42, "a" * 44, "!" * 43])
def test_a_wrong_key_is_refused(key):
    with pytest.raises(ValueError, match=r"."):
        decode_key(key)
