"""Notices of WeChat Pay v3: the signature on the raw body first, then AES-256-GCM, then a schema; anything else is refused."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.core.errors import BadRequestError, ForbiddenError

KEY_BYTES = 32
TOLERANCE_S = 300
"""How old or early a notice's signature may be: WeChat asks to refuse what is over five minutes away."""
PAID, REFUNDED = "TRANSACTION.SUCCESS", "REFUND.SUCCESS"
_LONGEST_HEADER = 1024

Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
Fen = Annotated[int, Field(strict=True, ge=0, le=10**11)]
Read = TypeVar("Read", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class PayKeys:
    """What opens a merchant's notices: his APIv3 key (32 bytes), and WeChat Pay's public keys (PEM) by serial."""

    mchid: str
    appid: str
    api_v3_key: str = field(repr=False)
    public_keys: Mapping[str, str]


class _Said(BaseModel):
    """Base of what WeChat says: it may say more tomorrow, so unknown names are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Resource(_Said):
    algorithm: Literal["AEAD_AES_256_GCM"]
    ciphertext: Annotated[str, StringConstraints(max_length=60_000)]
    associated_data: Annotated[str, StringConstraints(max_length=16)] = ""
    nonce: Annotated[str, StringConstraints(min_length=12, max_length=12)]


class _Envelope(_Said):
    id: Word
    event_type: Word
    resource: _Resource


class _Payer(_Said):
    openid: Annotated[str, StringConstraints(max_length=128)] = ""


class _Paid(_Said):
    total: Annotated[int, Field(strict=True, ge=1, le=10**11)]
    payer_total: Fen | None = None
    currency: Literal["CNY"] = "CNY"


class Payment(_Said):
    """A payment that succeeded. `amount.total` is the order's fen, `amount.payer_total` what the person paid of it."""

    mchid: Word
    appid: Word
    transaction_id: Word
    out_trade_no: Word
    trade_state: Word
    success_time: AwareDatetime
    payer: _Payer = Field(default_factory=_Payer)
    amount: _Paid
    attach: Annotated[str, StringConstraints(max_length=256)] = ""

    @property
    def payer_fen(self) -> int:
        """What the person paid himself."""
        given = self.amount.payer_total
        return self.amount.total if given is None else given


class _Back(_Said):
    total: Annotated[int, Field(strict=True, ge=1, le=10**11)]
    refund: Annotated[int, Field(strict=True, ge=1, le=10**11)]


class Refund(_Said):
    """Money given back for a payment. `amount.refund` is fen of this refund, `amount.total` the payment's."""

    mchid: Word
    transaction_id: Word
    out_trade_no: Word
    refund_id: Word
    refund_status: Word
    success_time: AwareDatetime
    amount: _Back


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that is WeChat's own. `said` is None for an event this house does not act on."""

    id: str
    event_type: str
    said: Payment | Refund | None


def read_notice(keys: PayKeys, *, headers: Mapping[str, str], body: bytes, now: datetime, tolerance_s: int = TOLERANCE_S) -> Notice:
    """Check, open and read one notice.

    Raises ForbiddenError when the signature is not WeChat Pay's, is stale, or the notice is another merchant's; BadRequestError for a body
    that cannot be read. `headers` answers `get` whatever the case of a name.
    """
    _check_signature(keys, headers=headers, body=body, now=now, tolerance_s=tolerance_s)
    envelope = _read(_Envelope, body)
    plain = _open(keys, envelope.resource)
    said: Payment | Refund | None = None
    if envelope.event_type == PAID:
        said = _read(Payment, plain)
        _same(keys, said.mchid, said.appid)
    elif envelope.event_type == REFUNDED:
        said = _read(Refund, plain)
        _same(keys, said.mchid, keys.appid)
    return Notice(envelope.id, envelope.event_type, said)


def check_public_key(pem: str) -> None:
    """Raises BadRequestError unless a text is an RSA public key of 2048 bits or more, PEM."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadRequestError("这不是 PEM 公钥 / this is no public key in PEM form", code="bad_public_key") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise BadRequestError("需要至少 2048 位的 RSA 公钥 / an RSA key of 2048 bits is needed", code="bad_public_key")


def _check_signature(keys: PayKeys, *, headers: Mapping[str, str], body: bytes, now: datetime, tolerance_s: int) -> None:
    told = {name: headers.get(f"Wechatpay-{name}", "") or "" for name in ("Serial", "Signature", "Timestamp", "Nonce")}
    if any(not value or len(value) > _LONGEST_HEADER or not value.isascii() for value in told.values()):
        raise ForbiddenError("the notice carries no signature of WeChat Pay", code="missing_signature")
    stamp = told["Timestamp"]
    if not stamp.isdigit() or len(stamp) > 12 or abs(int(stamp) - now.timestamp()) > tolerance_s:
        raise ForbiddenError("the notice's timestamp is too far from our clock", code="stale_timestamp")
    pem = keys.public_keys.get(told["Serial"])
    if pem is None:
        raise ForbiddenError("the notice names a key that this merchant does not have", code="unknown_serial")
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, RSAPublicKey), "checked when it was kept"
    message = f"{stamp}\n{told['Nonce']}\n".encode() + body + b"\n"
    try:
        key.verify(base64.b64decode(told["Signature"], validate=True), message, PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error) as error:
        raise ForbiddenError("the notice's signature is not WeChat Pay's", code="bad_signature") from error


def _open(keys: PayKeys, resource: _Resource) -> bytes:
    try:
        sealed = base64.b64decode(resource.ciphertext, validate=True)
        return AESGCM(keys.api_v3_key.encode()).decrypt(resource.nonce.encode(), sealed, resource.associated_data.encode())
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise BadRequestError("the notice does not open with this merchant's APIv3 key", code="bad_ciphertext") from error


def _read(form: type[Read], body: bytes) -> Read:
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        first: Any = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise BadRequestError(f"{where}: {first['msg']}", code="bad_notice") from error


def _same(keys: PayKeys, mchid: str, appid: str) -> None:
    if (mchid, appid) != (keys.mchid, keys.appid):
        raise ForbiddenError("the notice is another merchant's", code="wrong_merchant")
