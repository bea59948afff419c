"""A platform of our own on the wire: it signs, seals and speaks HTTP with the standard library alone, and knows nothing of the house."""

import base64
import hashlib
import http.client
import os
import struct
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


@dataclass(frozen=True)
class Account:
    """An account as its owner typed it into the platform's console."""

    appid: str
    token: str
    aes_key: str
    mode: str


def signed(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def sealed(account: Account, plain: bytes, *, appid: str | None = None, length: int | None = None, fill: bytes | None = None) -> str:
    """The ciphertext of a message; `length` and `fill` (the padding) may lie."""
    key = base64.b64decode(account.aes_key + "=")
    said = len(plain) if length is None else length
    inner = os.urandom(16) + struct.pack("!I", said & 0xFFFFFFFF) + plain + (account.appid if appid is None else appid).encode()
    number = 32 - len(inner) % 32
    inner += bytes([number]) * number if fill is None else fill
    machine = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(machine.update(inner) + machine.finalize()).decode()


def call(account: Account, body: bytes, *, box: str | None = None, json: bool = False, nonce: str | None = None) -> tuple[str, bytes]:
    """Query and body of one POST, signed now; sealed where the account's mode asks for it."""
    stamp, word = str(int(time.time())), nonce or os.urandom(5).hex()
    query = {"signature": signed(account.token, stamp, word), "timestamp": stamp, "nonce": word, "openid": "oSomebody"}
    if account.mode == "plain":
        return urlencode(query), body
    box = sealed(account, body) if box is None else box
    query |= {"encrypt_type": "aes", "msg_signature": signed(account.token, stamp, word, box)}
    outer = (
        f'{{"ToUserName": "gh_1", "Encrypt": "{box}"}}'
        if json
        else f"<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[{box}]]></Encrypt></xml>"
    )
    if account.mode == "compatible" and not json:
        outer = body.decode().removesuffix("</xml>") + f"<Encrypt><![CDATA[{box}]]></Encrypt></xml>"
    return urlencode(query), outer.encode()


def post(port: int, account: Account, query: str, body: bytes, *, content_type: str = "text/xml") -> tuple[int, bytes]:
    """Status and body of the answer."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        line.request("POST", f"/wechat/{account.appid}?{query}", body, {"Content-Type": content_type})
        answer = line.getresponse()
        return answer.status, answer.read()
    finally:
        line.close()
