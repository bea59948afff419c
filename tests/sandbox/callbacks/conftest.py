"""A platform whose account has a server, and how its safe callbacks are opened."""

import pytest

from sandbox.callbacks.crypto import decode_key, decrypt, signature
from tests.sandbox.driver import AES_KEY, fields_of


@pytest.fixture
def wired(platform, shop):
    """The shared platform whose account wxA has a server."""
    platform.account(callback_url=shop.url)
    platform.control("callbacks", {"retry_after_s": [0, 0, 0], "card_retry_after_s": [0] * 10})
    yield platform
    platform.control("reset", {})


def opened(call):
    """Check the signatures of a safe call and return its decrypted body."""
    query, sealed = call.query, fields_of(call.body)["Encrypt"]
    assert query["encrypt_type"] == "aes"
    assert query["signature"] == signature("tok", query["timestamp"], query["nonce"])
    assert query["msg_signature"] == signature("tok", query["timestamp"], query["nonce"], sealed)
    return decrypt(decode_key(AES_KEY), "wxA", sealed)
