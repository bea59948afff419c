"""Sending in bulk: many requests over few kept connections, answered together, never sent twice by the transport itself."""

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import orjson
import pycurl
from redis import Redis
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from app.core.accounts import OpenAccount
from app.core.house import House
from app.core.log import get_logger
from app.wechat.errors import TOKEN_CODES, BadPayload, Unanswered, Unreached, WeChatError, error_of
from app.wechat.gateway import keeper_for
from app.wechat.transport import CONNECT_S, READ_S, Tokens, status_error

MAX_ANSWER_BYTES = 1024 * 1024

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One POST to `path` (from the root of the API). `tag` comes back with its answer."""

    account: OpenAccount
    path: str
    payload: Mapping[str, Any]
    tag: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one Outgoing: `ok` with WeChat's `body`, or the `error` that says why not."""

    tag: int
    ok: bool
    body: dict[str, Any] | None
    error: WeChatError | None
    latency_ms: float


class Sender(Protocol):
    """Whoever can send many."""

    def send(self, requests: Sequence[Outgoing]) -> list[Answer]:
        """Send all and return one answer each, in the same order. Raises nothing for what WeChat or the network does."""
        ...


class _Slot:
    """One kept connection's easy handle, and the request that is on it now.

    The body goes out through a callback that cannot rewind. That is on purpose: libcurl resends a POST by itself when a kept connection
    dies without an answer, and WeChat may have carried the first one out. Without rewinding it can resend only what never left.
    """

    __slots__ = ("answer", "at", "body", "easy", "index")

    def __init__(self, headers: list[str], *, timeout_s: float, is_local: bool) -> None:
        self.index = 0
        self.body = b""
        self.at = 0
        self.answer: list[bytes] = []
        easy = self.easy = pycurl.Curl()
        easy.setopt(pycurl.POST, 1)
        easy.setopt(pycurl.HTTPHEADER, headers)
        easy.setopt(pycurl.READFUNCTION, self._read)
        easy.setopt(pycurl.WRITEFUNCTION, self._write)
        easy.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        easy.setopt(pycurl.NOSIGNAL, 1)
        easy.setopt(pycurl.TIMEOUT_MS, int(timeout_s * 1000))
        easy.setopt(pycurl.CONNECTTIMEOUT_MS, int(min(CONNECT_S, timeout_s) * 1000))
        easy.setopt(pycurl.MAXFILESIZE, MAX_ANSWER_BYTES)
        easy.setopt(pycurl.CAINFO, DEFAULT_CA_BUNDLE_PATH)
        if is_local:
            easy.setopt(pycurl.PROXY, "")

    def prime(self, index: int, url: bytes, body: bytes) -> None:
        self.index, self.body, self.at, self.answer = index, body, 0, []
        self.easy.setopt(pycurl.URL, url)
        self.easy.setopt(pycurl.POSTFIELDSIZE, len(body))

    def _read(self, size: int) -> bytes:
        part = self.body[self.at : self.at + size]
        self.at += len(part)
        return part

    def _write(self, part: bytes) -> None:
        self.answer.append(part)


class CurlSender:
    """Up to `connections` requests at once, each within `timeout_s`. One at a time may call `send`; others wait."""

    def __init__(self, base_url: str, tokens: Tokens, *, connections: int = 100, timeout_s: float = READ_S) -> None:
        self._base_url = base_url
        self._tokens = tokens
        self._alone = threading.Lock()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)
        # select() cannot watch descriptors past 1024; with so many connections it only paces the loop.
        self._patience_s = 1.0 if connections <= 500 else 0.01
        is_local = urlsplit(base_url).hostname in {"127.0.0.1", "::1", "localhost"}
        # An empty Expect keeps libcurl from asking before large bodies.
        headers = ["Content-Type: application/json", "Accept: application/json", "Expect:", "User-Agent: fanka"]
        self._free = [_Slot(headers, timeout_s=timeout_s, is_local=is_local) for _ in range(connections)]

    def send(self, requests: Sequence[Outgoing]) -> list[Answer]:
        """Send all and return one answer each, in the same order.

        When WeChat refuses a token, it is dropped and what it refused is sent once more, once a batch.
        """
        with self._alone:
            answers: list[Answer | None] = [None] * len(requests)
            tokens: dict[str, str] = {}
            self._round(requests, range(len(requests)), answers, tokens)
            refused = [at for at, answer in enumerate(answers) if answer and answer.error and answer.error.code in TOKEN_CODES]
            if refused:
                self._drop_tokens(requests, refused, tokens)
                self._round(requests, refused, answers, {})
        settled = [answer for answer in answers if answer is not None]
        assert len(settled) == len(requests)
        _tell(settled)
        return settled

    def close(self) -> None:
        """Give the connections back."""
        for slot in self._free:
            slot.easy.close()
        self._multi.close()

    def _round(self, requests: Sequence[Outgoing], which: Iterable[int], answers: list[Answer | None], tokens: dict[str, str]) -> None:
        """Send the requests at these places once and write their answers."""
        addresses: dict[tuple[str, str], bytes] = {}
        waiting: deque[tuple[int, bytes, bytes]] = deque()
        for at in which:
            request = requests[at]
            try:
                address = addresses.get((request.account.appid, request.path))
                if address is None:
                    address = addresses[request.account.appid, request.path] = self._address(request, tokens)
                waiting.append((at, address, orjson.dumps(request.payload)))
            except WeChatError as error:
                answers[at] = Answer(request.tag, ok=False, body=None, error=error, latency_ms=0.0)
            except TypeError as error:
                broken = BadPayload(47001, f"the payload is not JSON: {error}", "", request.account.appid)
                answers[at] = Answer(request.tag, ok=False, body=None, error=broken, latency_ms=0.0)
        for slot, failure in self._flow(waiting):
            answers[slot.index] = _answer(requests[slot.index], slot, failure)

    def _address(self, request: Outgoing, tokens: dict[str, str]) -> bytes:
        appid = request.account.appid
        if appid not in tokens:
            tokens[appid] = self._tokens.token(request.account)
        return f"{self._base_url}{request.path}?access_token={quote(tokens[appid])}".encode()

    def _flow(self, waiting: deque[tuple[int, bytes, bytes]]) -> Iterator[tuple[_Slot, int]]:
        """Keep every connection busy; yields each slot as it finishes, with libcurl's error number or 0."""
        multi, free = self._multi, self._free
        busy: dict[pycurl.Curl, _Slot] = {}
        try:
            while waiting or busy:
                while waiting and free:
                    slot = free.pop()
                    slot.prime(*waiting.popleft())
                    busy[slot.easy] = slot
                    multi.add_handle(slot.easy)
                multi.perform()
                _, done, failed = multi.info_read()
                for easy, number in [*((easy, 0) for easy in done), *((easy, number) for easy, number, _ in failed)]:
                    slot = busy.pop(easy)
                    multi.remove_handle(easy)
                    free.append(slot)
                    yield slot, number
                if busy and not done and not failed:
                    self._wait()
        finally:
            for easy, slot in busy.items():
                multi.remove_handle(easy)
                free.append(slot)

    def _wait(self) -> None:
        """Until something can be read or written, or libcurl has a time limit to look after."""
        due_ms = self._multi.timeout()
        due_s = min(self._patience_s, due_ms / 1000) if due_ms >= 0 else self._patience_s
        if self._multi.select(due_s) < 0:
            # There is no socket to wait for yet: a name is being resolved.
            time.sleep(0.001)

    def _drop_tokens(self, requests: Sequence[Outgoing], refused: Sequence[int], tokens: Mapping[str, str]) -> None:
        for account in {requests[at].account.appid: requests[at].account for at in refused}.values():
            try:
                self._tokens.drop(account, tokens[account.appid])
            except WeChatError as error:
                log.warning("token_not_dropped", appid=account.appid, reason=error.reason)


def _answer(request: Outgoing, slot: _Slot, failure: int) -> Answer:
    latency_ms: float = slot.easy.getinfo(pycurl.TOTAL_TIME) * 1000
    appid = request.account.appid
    error: WeChatError
    if failure:
        # What was never read was never sent, and headers alone make no request.
        error = Unanswered(f"no answer (curl {failure})", appid) if slot.at else Unreached(f"no way to WeChat (curl {failure})", appid)
        return Answer(request.tag, ok=False, body=None, error=error, latency_ms=latency_ms)
    try:
        body = orjson.loads(b"".join(slot.answer))
        code = int(body.get("errcode", 0))
    except (ValueError, TypeError, AttributeError):
        status = slot.easy.getinfo(pycurl.RESPONSE_CODE)
        error = Unanswered("the answer is not a JSON object", appid) if status == 200 else status_error(status, appid)
        return Answer(request.tag, ok=False, body=None, error=error, latency_ms=latency_ms)
    if code == 0:
        return Answer(request.tag, ok=True, body=body, error=None, latency_ms=latency_ms)
    error = error_of(code, str(body.get("errmsg", "")), appid)
    error.answer = body
    return Answer(request.tag, ok=False, body=body, error=error, latency_ms=latency_ms)


def _tell(answers: Sequence[Answer]) -> None:
    """One log line for each kind of refusal in a batch, with the first rid of it."""
    errors = [answer.error for answer in answers if answer.error is not None]
    counted = Counter((error.appid, error.code, error.reason) for error in errors)
    for (appid, code, reason), number in counted.items():
        rid = next((error.rid for error in errors if error.code == code and error.rid), "")
        log.warning("wechat_refused_some", appid=appid, errcode=code, reason=reason, number=number, rid=rid)


_held: dict[tuple[int, str, str, int], tuple[Redis, CurlSender]] = {}
_stand_in: Sender | None = None


def sender_for(house: House) -> Sender:
    """The sender of this process."""
    if _stand_in is not None:
        return _stand_in
    settings = house.settings
    key = (os.getpid(), settings.wechat_api_url, settings.redis_prefix, settings.sender_connections)
    redis, sender = _held.get(key, (None, None))
    if sender is None or redis is not house.redis:
        sender = CurlSender(settings.wechat_api_url, keeper_for(house), connections=settings.sender_connections)
        _held[key] = (house.redis, sender)
    return sender


@contextmanager
def stand_in(sender: Sender) -> Iterator[None]:
    """Let `sender_for` hand out another sender, such as the twin's, while the block runs."""
    global _stand_in
    before, _stand_in = _stand_in, sender
    try:
        yield
    finally:
        _stand_in = before
