"""WeChat Pay's side of a notice, made without our own code: a key pair, a signature over the raw body, a sealed resource."""

import base64
import json
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.house import House
from app.core.nouns import Account, Store
from app.core.unit import work
from cards.models.programme import Programme
from cards.payments import open_merchant
from cards.rulebook import define_rule

API_KEY = "fanka-test-api-v3-key-32-signs!!"
MCHID, SERIAL = "1900000109", "PUB_KEY_ID_0119000001092024"


@cache
def key_pair() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public_pem(key: rsa.RSAPrivateKey | None = None) -> str:
    half = (key or key_pair()).public_key()
    return half.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass
class Letter:
    headers: dict[str, str]
    body: bytes


def signed(body: bytes, *, now: datetime, serial: str = SERIAL, key: rsa.RSAPrivateKey | None = None) -> dict[str, str]:
    stamp, nonce = str(int(now.timestamp())), os.urandom(16).hex()
    message = f"{stamp}\n{nonce}\n".encode() + body + b"\n"
    proof = (key or key_pair()).sign(message, padding.PKCS1v15(), hashes.SHA256())
    return {
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature": base64.b64encode(proof).decode(),
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": nonce,
        "Content-Type": "application/json",
    }


def letter(
    plain: dict[str, Any], *, now: datetime, event_type: str = "TRANSACTION.SUCCESS", notice_id: str = "n-1", api_key: str = API_KEY
) -> Letter:
    """One notice as WeChat Pay posts it."""
    nonce = os.urandom(6).hex()
    kind = "refund" if event_type.startswith("REFUND") else "transaction"
    box = AESGCM(api_key.encode()).encrypt(nonce.encode(), json.dumps(plain).encode(), kind.encode())
    resource = {
        "original_type": kind,
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(box).decode(),
        "associated_data": kind,
        "nonce": nonce,
    }
    said = {
        "id": notice_id,
        "create_time": now.isoformat(),
        "resource_type": "encrypt-resource",
        "event_type": event_type,
        "resource": resource,
    }
    body = json.dumps(said).encode()
    return Letter(signed(body, now=now), body)


def payment(
    appid: str, *, now: datetime, total: int = 12800, payer: int | None = None, openid: str = "oLin", **more: Any
) -> dict[str, Any]:
    return {
        "mchid": MCHID,
        "appid": appid,
        "transaction_id": "4200001234202611220000000001",
        "out_trade_no": "T20261122000001",
        "trade_state": "SUCCESS",
        "success_time": now.isoformat(),
        "payer": {"openid": openid},
        "amount": {"total": total, "payer_total": total if payer is None else payer, "currency": "CNY"},
        **more,
    }


def refund(*, now: datetime, fen: int, total: int = 12800, **more: Any) -> dict[str, Any]:
    return {
        "mchid": MCHID,
        "transaction_id": "4200001234202611220000000001",
        "out_trade_no": "T20261122000001",
        "refund_id": "5030000000000000000000000001",
        "refund_status": "SUCCESS",
        "success_time": now.isoformat(),
        "amount": {"total": total, "refund": fen, "payer_total": total, "payer_refund": fen},
        **more,
    }


@dataclass
class PayShop:
    """A store whose payments by WeChat earn a point a yuan."""

    programme_id: int
    store_id: int
    merchant: str
    path: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = f"/pay/wechat/{self.merchant}"


def open_pay_shop(
    house: House,
    account_id: int,
    *,
    programme_id: int,
    unit_id: int,
    public_key: str | None = None,
    serial: str = SERIAL,
    api_key: str = API_KEY,
) -> PayShop:
    now = house.clock.now()
    with work(house.engine) as session:
        store = Store(business_unit_id=unit_id, code="P1", name="海岸百货南京西路店")
        session.add(store)
        session.flush()
        assert session.get(Programme, programme_id)
        define_rule(
            session,
            programme_id=programme_id,
            name="消费积分",
            kind="spend",
            params={"rate": {"points": 1, "per_fen": 100}},
            # WeChat cuts the moment of a payment to the second, so the rule is older than any of them.
            valid_from=now - timedelta(days=1),
            now=now,
            actor="Mei",
        )
        merchant = open_merchant(
            session,
            house.ring,
            mchid=MCHID,
            account=session.get_one(Account, account_id),
            programme_id=programme_id,
            store=store,
            api_v3_key=api_key,
            serial=serial,
            public_key=public_key or public_pem(),
            actor="Mei",
            now=now,
        )
        return PayShop(programme_id, store.id, str(merchant.public_id))
