"""Notices of WeChat Pay: sealed with the merchant's key, signed with the platform's, repeated until a 200 or 204."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from typing import TYPE_CHECKING, Final

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.net.client import CallFailedError, Client, parse_target

if TYPE_CHECKING:
    from sandbox.journal import Journal
    from sandbox.state.merchant import Merchant, Notice
    from sandbox.state.world import Record, World

TIMEOUT_S: Final = 5.0
_TAKEN: Final = frozenset({200, 204})


class Cashier:
    """Brings notices out and repeats those that were not taken."""

    def __init__(self, world: World, journal: Journal) -> None:
        """Stand by."""
        self._world = world
        self._journal = journal
        self._client = Client()
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()

    def send(self, notice: Notice) -> None:
        """Bring a notice, as often as it has copies."""
        for _ in range(notice.copies):
            self._start(notice)

    def resume(self) -> None:
        """Bring what a former run left undone."""
        for notice in list(self._world.notices.values()):
            self._start(notice)

    def forget(self) -> None:
        """Drop what waits."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Stop."""
        self.forget()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._client.close()

    def _start(self, notice: Notice) -> None:
        task = self._loop.create_task(self._bring(notice))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bring(self, notice: Notice) -> None:
        await self._journal.durable()
        merchant = self._world.merchants.get(notice.mchid)
        if merchant is None or notice.id not in self._world.notices:
            return
        notice.tries += 1
        body = notice.rendered = notice.rendered or render(merchant, notice)
        outcome: Record = {"status": 0}
        try:
            answer = await self._client.post(
                parse_target(merchant.notify_url),
                query="",
                body=body,
                content_type="application/json",
                timeout_s=TIMEOUT_S,
                headers=signed(merchant, body),
            )
        except CallFailedError as failed:
            outcome["error"] = failed.reason
        else:
            outcome["status"] = answer.status
        done = outcome["status"] in _TAKEN or notice.tries > len(merchant.repeat_after_s)
        self._world.record("notice", {"notice": notice.id, "mchid": notice.mchid, "try": notice.tries, "done": done, **outcome})
        if not done:
            self._later(merchant.repeat_after_s[notice.tries - 1], notice)

    def _later(self, seconds: float, notice: Notice) -> None:
        def due() -> None:
            self._timers.discard(timer)
            self._start(notice)

        timer = self._loop.call_later(seconds, due)
        self._timers.add(timer)


def render(merchant: Merchant, notice: Notice) -> bytes:
    """The body of a notice: the same in every repeat."""
    kind = "transaction" if notice.event_type.startswith("TRANSACTION") else "refund"
    nonce = secrets.token_hex(6)
    plain = orjson.dumps(notice.plain)
    box = AESGCM(merchant.api_v3_key.encode()).encrypt(nonce.encode(), plain, kind.encode())
    resource = {
        "original_type": kind,
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(box).decode(),
        "associated_data": kind,
        "nonce": nonce,
    }
    said = {
        "id": notice.id,
        "create_time": notice.create_time,
        "resource_type": "encrypt-resource",
        "event_type": notice.event_type,
        "summary": "支付成功" if kind == "transaction" else "退款成功",
        "resource": resource,
    }
    return orjson.dumps(said)


def signed(merchant: Merchant, body: bytes) -> tuple[tuple[str, str], ...]:
    """The headers of one try. The signature carries real time even when a test moved the platform's clock."""
    timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
    message = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
    proof = merchant.signing_key().sign(message, PKCS1v15(), hashes.SHA256())
    return (
        ("Wechatpay-Serial", merchant.serial),
        ("Wechatpay-Signature", base64.b64encode(proof).decode()),
        ("Wechatpay-Timestamp", timestamp),
        ("Wechatpay-Nonce", nonce),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048"),
    )


def apply_notice(world: World, entry: Record, line: bytes) -> None:
    """Apply a notice record: so many tries were made; it is over when it says done."""
    del line
    notice = world.notices.get(entry["notice"])
    if notice is None:
        return
    notice.tries = max(notice.tries, entry["try"])
    if entry["done"]:
        del world.notices[notice.id]
