"""The platform's calls to us: verified, decrypted and read into an Inbound, or refused with a stable code and nothing else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from app.core.accounts import OpenAccount
from app.core.clock import from_unix
from app.core.errors import BadRequestError, ForbiddenError
from app.core.inbound import Inbound, inbound_key
from app.core.nouns import AccountKind, Mode
from app.wechat.bodies import Fields, read_body
from app.wechat.crypto import decrypt, encrypt, is_signed, sign

_PARAMETERS = ("signature", "msg_signature", "timestamp", "nonce", "encrypt_type", "echostr")
_MAX_PARAMETER = 512
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w-]+)", re.ASCII | re.IGNORECASE)
_PERSON = re.compile(r"[A-Za-z0-9_@.\-]{1,64}")
_WORD = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_DIGITS = re.compile(r"[0-9]{1,11}")
# How long ago is no sign of forgery: WeChat's own samples are of 1970 and 1973, and the signature's timestamp is bounded anyway. A day ahead
# allows for any clock.
_OLDEST_S = 1
_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Received:
    """A verified inbound; `encrypted` says that the reply must be encrypted too."""

    inbound: Inbound
    encrypted: bool


def verify_echo(account: OpenAccount, args: Mapping[str, str], *, now: datetime | None = None, tolerance_s: int = 300) -> str:
    """The `echostr` to answer when WeChat checks the address; its timestamp is bounded when `now` is given.

    Raises BadRequestError and ForbiddenError.
    """
    given = _parameters(args)
    _check_signature(account, given)
    if now is not None:
        _check_timestamp(given["timestamp"], now=now, tolerance_s=tolerance_s)
    echo = given["echostr"]
    if not echo or not echo.isascii() or not echo.isprintable():
        raise BadRequestError("echostr is missing or not printable", code="bad_echo")
    return echo


def check_query(account: OpenAccount, args: Mapping[str, str], *, now: datetime, tolerance_s: int) -> None:
    """Refuse what WeChat did not sign just now, before its body is read: a stranger must not make us wait for one.

    Raises BadRequestError and ForbiddenError, as `read_inbound` does for the same query.
    """
    given = _parameters(args)
    _check_signature(account, given)
    _check_timestamp(given["timestamp"], now=now, tolerance_s=tolerance_s)


def read_inbound(
    account: OpenAccount, *, args: Mapping[str, str], body: bytes, content_type: str, now: datetime, tolerance_s: int
) -> Received:
    """Verify, decrypt and read one POST in the account's own mode, which the request cannot choose.

    Raises BadRequestError when it cannot be understood, ForbiddenError when it is not WeChat's or not in this account's mode.
    """
    given = _parameters(args)
    charset = _CHARSET.search(content_type)
    if charset is not None and charset[1].lower() not in {"utf-8", "utf8"}:
        raise BadRequestError("the body must be UTF-8", code="bad_encoding")
    _check_signature(account, given)
    _check_timestamp(given["timestamp"], now=now, tolerance_s=tolerance_s)
    fields = read_body(body, json_allowed=account.kind is AccountKind.MINI)
    sealed = account.mode is Mode.SAFE or (account.mode is Mode.COMPATIBLE and given["encrypt_type"] == "aes")
    if sealed:
        fields = _open(account, fields, given)
    else:
        # Freshly encrypted for every repeat, so it must not enter the key.
        had = fields.pop("Encrypt", None)
        if had is not None and "MsgType" not in fields:
            raise ForbiddenError("the body is encrypted and this account's mode is not", code="wrong_mode")
    return Received(_inbound(account, fields, now=now), sealed)


def seal_reply(account: OpenAccount, text: str, *, nonce: str, now: datetime, as_json: bool = False) -> str:
    """A passive reply in encrypted form, for a request that was encrypted; `as_json` for a mini program that speaks JSON."""
    sealed = encrypt(text, aes_key=account.aes_key, appid=account.appid)
    timestamp = str(int(now.timestamp()))
    nonce = nonce if _WORD.fullmatch(nonce) else timestamp
    signature = sign(account.token, timestamp, nonce, sealed)
    if as_json:
        return orjson.dumps({"Encrypt": sealed, "MsgSignature": signature, "TimeStamp": int(timestamp), "Nonce": nonce}).decode()
    return (
        f"<xml><Encrypt><![CDATA[{sealed}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
    )


def _parameters(args: Mapping[str, str]) -> dict[str, str]:
    """What the query says, each once. A repeated parameter is refused: two readers would see two requests."""
    many = getattr(args, "getlist", None)
    given = {}
    for name in _PARAMETERS:
        if many is not None and len(many(name)) > 1:
            raise BadRequestError(f"{name} is given twice", code="repeated_parameter")
        value = args.get(name, "")
        if len(value) > _MAX_PARAMETER:
            raise BadRequestError(f"{name} is too long", code="bad_parameter")
        given[name] = value
    return given


def _check_signature(account: OpenAccount, given: Mapping[str, str]) -> None:
    if not (given["signature"] and given["timestamp"] and given["nonce"]):
        raise BadRequestError("signature, timestamp and nonce are needed", code="missing_parameter")
    if not is_signed(given["signature"], account.token, given["timestamp"], given["nonce"]):
        raise ForbiddenError("the signature is wrong: compare the token with the console", code="bad_signature")


def _check_timestamp(written: str, *, now: datetime, tolerance_s: int) -> None:
    if not _DIGITS.fullmatch(written):
        raise BadRequestError("timestamp is not a number of seconds", code="bad_timestamp")
    if abs(now.timestamp() - int(written)) > tolerance_s:
        raise ForbiddenError("the timestamp is too far from this machine's clock", code="stale_timestamp")


def _open(account: OpenAccount, outer: Fields, given: Mapping[str, str]) -> Fields:
    """The fields inside `Encrypt`."""
    sealed = outer.get("Encrypt")
    if not isinstance(sealed, str) or not sealed:
        raise ForbiddenError("this account takes encrypted messages only", code="plaintext_refused")
    if not given["msg_signature"]:
        raise ForbiddenError("msg_signature is needed", code="missing_signature")
    if not is_signed(given["msg_signature"], account.token, given["timestamp"], given["nonce"], sealed):
        raise ForbiddenError("the message's signature is wrong: compare the token with the console", code="bad_signature")
    plain = decrypt(sealed, aes_key=account.aes_key, appid=account.appid)
    return read_body(plain.encode(), json_allowed=account.kind is AccountKind.MINI)


def _inbound(account: OpenAccount, fields: Fields, *, now: datetime) -> Inbound:
    _named(fields, "ToUserName", _PERSON)
    openid = _named(fields, "FromUserName", _PERSON)
    msg_type = _named(fields, "MsgType", _WORD).lower()
    event = _named(fields, "Event", _WORD) if msg_type == "event" else ""
    return Inbound(
        appid=account.appid,
        openid=openid,
        msg_type=msg_type,
        event=event,
        occurred_at=_occurred_at(fields, now=now),
        received_at=now,
        fields=fields,
        key=inbound_key(account.appid, fields),
    )


def _named(fields: Mapping[str, Any], name: str, shape: re.Pattern[str]) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise BadRequestError(f"{name} is missing or malformed", code=f"bad_{name.lower()}")
    return value


def _occurred_at(fields: Mapping[str, Any], *, now: datetime) -> datetime:
    seconds = int(_named(fields, "CreateTime", _DIGITS))
    if not _OLDEST_S <= seconds <= (now + _AHEAD).timestamp():
        raise BadRequestError("CreateTime is not a time at which WeChat can have sent this", code="bad_createtime")
    return from_unix(seconds)
