"""A merchant of WeChat Pay, the platform's key that signs its notices, and notices that are still to be taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

if TYPE_CHECKING:
    from sandbox.state.world import Record

# Seconds before each repeat, as the platform's page on notices names them; together 24 h 4 min.
REPEATS_S: Final = (15.0, 15.0, 30.0, 180.0, 600.0, 1200.0, 1800.0, 1800.0, 1800.0, 3600.0, 10800.0, 10800.0, 10800.0, 21600.0, 21600.0)
_BITS: Final = 2048


@dataclass(slots=True)
class Merchant:
    """One merchant: his APIv3 key (32 signs), where notices go, and the key pair whose public half he knows by `serial`."""

    mchid: str
    appid: str
    api_v3_key: str
    notify_url: str
    serial: str
    private_key: str
    repeat_after_s: tuple[float, ...] = REPEATS_S

    def signing_key(self) -> RSAPrivateKey:
        """The key that signs."""
        key = serialization.load_pem_private_key(self.private_key.encode(), None)
        assert isinstance(key, RSAPrivateKey)
        return key

    def public_pem(self) -> str:
        """What the merchant checks signatures with."""
        half = self.signing_key().public_key()
        return half.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(slots=True)
class Notice:
    """One notice; `plain` is what its resource says once it is opened."""

    id: str
    mchid: str
    event_type: str
    plain: Record
    create_time: str
    copies: int = 1
    tries: int = 0
    rendered: bytes | None = field(default=None, repr=False)


def new_private_key() -> str:
    """A fresh RSA key, PEM."""
    key = generate_private_key(65537, _BITS)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
