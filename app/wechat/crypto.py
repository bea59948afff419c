"""Signatures compared in constant time, and the platform's AES through wechatpy, whose exceptions end here."""

import hashlib
import hmac
import secrets
from functools import lru_cache

from wechatpy.crypto import PrpCrypto, WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException

from app.core.errors import BadRequestError, ForbiddenError


class _Cipher(PrpCrypto):  # type: ignore[misc]  # wechatpy is untyped.
    """wechatpy's AES; its random prefix is all that makes two equal messages differ, so it comes from the system's source."""

    def get_random_string(self) -> str:
        return secrets.token_hex(8)


def sign(*parts: str) -> str:
    """SHA-1 hex over the sorted parts, as WeChat signs."""
    joined = b"".join(sorted(part.encode("utf-8", "replace") for part in parts))
    return hashlib.sha1(joined, usedforsecurity=False).hexdigest()


def is_signed(given: str, *parts: str) -> bool:
    """Whether `given` is the signature of the parts; takes the same time whatever is wrong."""
    return hmac.compare_digest(sign(*parts).encode(), given.encode("utf-8", "replace"))


def decrypt(sealed: str, *, aes_key: str, appid: str) -> str:
    """Open the `Encrypt` of a body whose signature is already verified.

    Raises ForbiddenError when it was sealed for another appid, BadRequestError when it cannot be opened.
    """
    try:
        opened: str = _cipher(aes_key).decrypt(sealed, appid)
    except InvalidAppIdException:
        raise ForbiddenError("the message was encrypted for another AppID", code="wrong_appid") from None
    except Exception as error:  # noqa: BLE001 - wechatpy lets IndexError, struct.error, binascii.Error, ValueError and more out.
        raise BadRequestError(f"the encrypted part cannot be opened ({type(error).__name__})", code="bad_ciphertext") from None
    return opened


def encrypt(plain: str, *, aes_key: str, appid: str) -> str:
    """Seal a text for the platform, base64."""
    sealed: bytes = _cipher(aes_key).encrypt(plain, appid)
    return sealed.decode("ascii")


@lru_cache(maxsize=256)
def _cipher(aes_key: str) -> PrpCrypto:
    # The token and the appid play no part in the key, so one cipher serves every call of an account.
    return _Cipher(WeChatCrypto("", aes_key, "").key)
