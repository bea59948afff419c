"""What WeChat posts, built beforehand: signed and encrypted as for an account in safe mode."""

import base64
import os
import struct
import time
from dataclasses import dataclass
from hashlib import sha1
from random import Random

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bench.wire import post

APPID = "wxbench0000000001"
TOKEN = "benchtoken"
AES_KEY = "BenchKey".ljust(42, "a") + "A"
SECRET = "5" * 32
ANSWERED_KEY = "menu_sale"
ANSWER = "本周会员日：全场八八折。"
_SIGNS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass(frozen=True, slots=True)
class Mail:
    """Requests ready for the wire, and how many of them are answered with words."""

    requests: list[bytes]
    answered: int


def openids(number: int, *, seed: int = 7) -> list[str]:
    """So many openids of the platform's shape."""
    rng = Random(seed)
    return ["o" + "".join(rng.choices(_SIGNS, k=27)) for _ in range(number)]


def mail(number: int, *, seed: int, people: list[str]) -> Mail:
    """Distinct messages: half texts, three tenths menu clicks that are answered, one fifth views."""
    rng = Random(seed)
    built, answered = [], 0
    now_s = int(time.time())
    for index in range(number):
        head = (
            f"<xml><ToUserName><![CDATA[gh_bench]]></ToUserName><FromUserName><![CDATA[{rng.choice(people)}]]></FromUserName>"
            f"<CreateTime>{now_s}</CreateTime>"
        )
        draw = rng.random()
        if draw < 0.5:
            # A message id makes a text its own; an event has none, so its nonce stands in a field of its own.
            tail = f"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[请问几点开门 {index}]]></Content><MsgId>{seed * 10**9 + index}</MsgId></xml>"
        elif draw < 0.8:
            answered += 1
            tail = (
                f"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[CLICK]]></Event><EventKey><![CDATA[{ANSWERED_KEY}]]></EventKey>"
                f"<Serial>{seed}-{index}</Serial></xml>"
            )
        else:
            tail = (
                "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[VIEW]]></Event>"
                f"<EventKey><![CDATA[https://example.com/{seed}/{index}]]></EventKey><MenuId>7</MenuId></xml>"
            )
        built.append(_request((head + tail).encode(), rng))
    return Mail(built, answered)


_KEY = base64.b64decode(AES_KEY + "=")
_CIPHER = Cipher(algorithms.AES(_KEY), modes.CBC(_KEY[:16]))


def _request(plain: bytes, rng: Random) -> bytes:
    held = os.urandom(16) + struct.pack("!I", len(plain)) + plain + APPID.encode()
    fill = 32 - len(held) % 32
    machine = _CIPHER.encryptor()
    sealed = base64.b64encode(machine.update(held + bytes([fill]) * fill) + machine.finalize()).decode()
    stamp, nonce = str(int(time.time())), str(rng.getrandbits(30))
    query = f"signature={_sign(TOKEN, stamp, nonce)}&timestamp={stamp}&nonce={nonce}&encrypt_type=aes"
    body = f"<xml><ToUserName><![CDATA[gh_bench]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode()
    return post(f"/wechat/{APPID}?{query}&msg_signature={_sign(TOKEN, stamp, nonce, sealed)}", body)


def _sign(*parts: str) -> str:
    return sha1("".join(sorted(parts)).encode()).hexdigest()  # WeChat signs with SHA-1.
