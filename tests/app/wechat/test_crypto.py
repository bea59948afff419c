"""The platform's own test vectors, and AES both ways."""

import pytest

from app.core.errors import BadRequestError, FankaError, ForbiddenError
from app.wechat.crypto import decrypt, encrypt, is_signed, sign
from tests.fuzz.bodies import seal
from tests.support.wechat import AES_KEY

APPID = "wx0123456789abcdef"


@pytest.mark.parametrize(
    ("timestamp", "nonce", "signature"),
    [
        ("1714036504", "1514711492", "f464b24fc39322e44b38aa78f5edd27bd1441696"),
        ("1714037059", "486452656", "899cf89e464efb63f54ddac96b0a0a235f53aa78"),
    ],
)
def test_official_vectors_hold(timestamp: str, nonce: str, signature: str) -> None:
    assert sign("AAAAA", timestamp, nonce) == signature
    assert is_signed(signature, nonce, "AAAAA", timestamp)
    assert not is_signed(signature[:-1], "AAAAA", timestamp, nonce)
    assert not is_signed("é\ud800", "AAAAA", timestamp, nonce)


def test_what_is_sealed_opens_and_never_looks_the_same_twice() -> None:
    first, second = (encrypt("你好", aes_key=AES_KEY, appid=APPID) for _ in range(2))
    assert first != second
    assert decrypt(first, aes_key=AES_KEY, appid=APPID) == "你好"


def test_what_the_platform_seals_opens() -> None:
    assert decrypt(seal(b"<xml/>", aes_key=AES_KEY, appid=APPID), aes_key=AES_KEY, appid=APPID) == "<xml/>"


def test_another_appid_is_refused() -> None:
    with pytest.raises(ForbiddenError) as caught:
        decrypt(encrypt("x", aes_key=AES_KEY, appid="wxother"), aes_key=AES_KEY, appid=APPID)
    assert caught.value.code == "wrong_appid"


@pytest.mark.parametrize("sealed", ["", "!", "é", "AAAA", "A" * 24, "A" * 64])
def test_what_cannot_be_opened_is_one_error_of_ours(sealed: str) -> None:
    with pytest.raises(FankaError) as caught:
        decrypt(sealed, aes_key=AES_KEY, appid=APPID)
    assert isinstance(caught.value, BadRequestError | ForbiddenError)
    assert caught.value.__cause__ is None


def test_bytes_that_are_no_text_cannot_be_opened() -> None:
    with pytest.raises(BadRequestError) as caught:
        decrypt(seal(b"\xff\xff", aes_key=AES_KEY, appid=APPID), aes_key=AES_KEY, appid=APPID)
    assert caught.value.code == "bad_ciphertext"


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(first: bytes, second: bytes) -> bool:
        compared.append((len(first), len(second)))
        return True

    monkeypatch.setattr("hmac.compare_digest", compare)
    assert is_signed("0" * 40, "AAAAA", "1", "2")
    assert compared == [(40, 40)]
