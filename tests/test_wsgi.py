"""The door to the street: granian over `wsgi.py`, spoken to in raw bytes, well-behaved or not."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import requests

from app.core.accounts import OpenAccount
from app.core.house import House
from app.core.inbox import Entry
from app.local.place import CHECKOUT
from tests.app.web.webhook.test_door import event
from tests.support.letters import letter
from tests.support.sandbox import free_port


@contextmanager
def granian(environment: dict[str, str], log: Path) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--workers", "1", "--blocking-threads", "4"]
    with log.open("wb") as output:
        child = subprocess.Popen(
            [*command, "--no-ws", "wsgi:app"],
            cwd=CHECKOUT,
            env={**os.environ, **environment, "FANKA_WEB_THREADS": "4"},
            stdout=output,
            stderr=output,
        )
    try:
        until = time.monotonic() + 60
        while True:
            try:
                assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).json() == {"alive": True}
                break
            except requests.RequestException:
                assert child.poll() is None, log.read_text()
                assert time.monotonic() < until
                time.sleep(0.1)
        yield port
    finally:
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0


def talk(port: int, sent: bytes) -> bytes:
    """Everything the server answers to raw bytes; the last request of `sent` must ask it to close."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(sent)
        heard = b""
        while part := line.recv(65536):
            heard += part
    return heard


def test_the_street_door(house: House, environment: dict[str, str], make_account: Callable[..., OpenAccount], tmp_path: Path) -> None:
    account = make_account(mode="safe")
    now = datetime.now(UTC)
    sent = letter(account, event(at=int(now.timestamp())), now=now)
    target = sent.url.encode()
    log = tmp_path / "web.log"

    def head(method: bytes, *lines: bytes) -> bytes:
        return b"\r\n".join((method + b" " + target + b" HTTP/1.1", b"Host: fanka", b"Connection: close", *lines, b"", b""))

    with granian(environment, log) as port:
        good = talk(port, head(b"POST", b"Content-Type: text/xml", b"Content-Length: %d" % len(sent.body)) + sent.body)
        assert good.startswith(b"HTTP/1.1 200 ")
        chunked = talk(port, head(b"POST", b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n")
        assert chunked.startswith(b"HTTP/1.1 411 ")
        big = talk(port, head(b"POST", b"Content-Length: 10000000") + b"x" * 10_000_000)
        assert big.startswith(b"HTTP/1.1 413 ")
        assert b"body_too_large" in big
        packed = talk(port, head(b"POST", b"Content-Encoding: gzip", b"Content-Length: 5") + b"hello")
        assert packed.startswith(b"HTTP/1.1 415 ")
        assert talk(port, head(b"PUT", b"Content-Length: 0")).startswith(b"HTTP/1.1 405 ")
        for path in (b"/wechat/%E4%BD%A0", b"/wechat/%FF%00", b"/wechat/..%2fx", b"//wechat//x", b"/wechat/" + b"a" * 5000):
            assert talk(port, b"GET " + path + b" HTTP/1.1\r\nHost: fanka\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 404 "), path
        assert talk(port, b"NONSENSE\r\n\r\n")[:12] in {b"HTTP/1.1 400", b""}

    ((_, fields),) = house.inbox.redis.xrange(house.inbox.stream)
    assert [draft.kind for draft in Entry.unpack(fields[b"d"]).drafts] == ["follower.followed"]
    written = log.read_text()
    assert "webhook_refused" in written
    for secret in (sent.query["openid"], sent.query["signature"], sent.query["nonce"], "Traceback"):
        assert secret not in written
