"""What WeChat posts to us, made without our own code: signed, and encrypted when the account's mode asks for it."""

import base64
import hashlib
import os
import struct
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from app.core.accounts import OpenAccount
from app.core.nouns import Mode


@dataclass(frozen=True, slots=True)
class Letter:
    """One POST (or, with an empty body, one echo check)."""

    path: str
    query: dict[str, str]
    body: bytes
    content_type: str = "text/xml"

    @property
    def url(self) -> str:
        return f"{self.path}?{urlencode(self.query)}"


def signature(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def _cipher(account: OpenAccount) -> Cipher[modes.CBC]:
    key = base64.b64decode(account.aes_key + "=")
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))


def seal(account: OpenAccount, plain: bytes, *, appid: str | None = None) -> str:
    """The `Encrypt` of a body: 16 random bytes, the length, the message and the appid, padded to 32."""
    held = os.urandom(16) + struct.pack("!I", len(plain)) + plain + (appid or account.appid).encode()
    fill = 32 - len(held) % 32
    machine = _cipher(account).encryptor()
    return base64.b64encode(machine.update(held + bytes([fill]) * fill) + machine.finalize()).decode()


def unseal(account: OpenAccount, sealed: str) -> str:
    """Open an encrypted reply, as WeChat does; asserts that it is this account's."""
    machine = _cipher(account).decryptor()
    held = machine.update(base64.b64decode(sealed)) + machine.finalize()
    held = held[: -held[-1]]
    length = struct.unpack("!I", held[16:20])[0]
    assert held[20 + length :].decode() == account.appid
    return held[20 : 20 + length].decode()


def read_reply(account: OpenAccount, answer: bytes) -> ET.Element | None:
    """A passive reply as WeChat would read it: None for silence, decrypted and its signature checked where the mode is safe."""
    if not answer or answer == b"success":
        return None
    root = ET.fromstring(answer)
    sealed = root.findtext("Encrypt")
    if sealed is None:
        assert account.mode is not Mode.SAFE
        return root
    expected = signature(account.token, root.findtext("TimeStamp", ""), root.findtext("Nonce", ""), sealed)
    assert root.findtext("MsgSignature") == expected
    return ET.fromstring(unseal(account, sealed))


def letter(account: OpenAccount, xml: str | bytes, *, now: datetime, nonce: str = "486452656", content_type: str = "text/xml") -> Letter:
    """A signed POST of `xml` in the account's own mode."""
    body = xml.encode() if isinstance(xml, str) else xml
    stamp = str(int(now.timestamp()))
    query = {
        "signature": signature(account.token, stamp, nonce),
        "timestamp": stamp,
        "nonce": nonce,
        "openid": "oLinxxxxxxxxxxxxxxxxxxxxxxx3",
    }
    if account.mode is not Mode.PLAIN:
        sealed = seal(account, body)
        query |= {"encrypt_type": "aes", "msg_signature": signature(account.token, stamp, nonce, sealed)}
        body = f"<xml><ToUserName><![CDATA[gh_fanka]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode()
    return Letter(f"/wechat/{account.appid}", query, body, content_type)


def echo(account: OpenAccount, *, now: datetime, echostr: str = "4971235812", nonce: str = "1514711492") -> Letter:
    """The check WeChat makes when the address is saved in its console."""
    stamp = str(int(now.timestamp()))
    query = {"signature": signature(account.token, stamp, nonce), "timestamp": stamp, "nonce": nonce, "echostr": echostr}
    return Letter(f"/wechat/{account.appid}", query, b"")
