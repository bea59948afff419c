"""A till: it sends requests to `/api/v1` and puts on the input log what it sent and what it was answered."""

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from demo.money_log import InputLog

_TIMEOUT_S = 30.0
_TRIES = 6


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 when nothing did."""

    status: int
    hit: bool
    body: dict[str, Any]


class Till:
    """One client of the API on one kept connection."""

    def __init__(self, log: InputLog, url: str, *, client: str, key: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._log, self._client, self._key = log, client, key
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=_TIMEOUT_S)

    def ask(self, path: str, body: dict[str, Any], *, key: str | None = None, hang_up: bool = False) -> Answer:
        """POST once and, when no answer came or its twin is still at work, again under the same key until there is one.

        `hang_up` leaves before the first answer, as a till does whose line breaks.
        """
        named = key or uuid4().hex
        for number in range(_TRIES):
            asked = self._log.write("ask", client=self._client, path=path, key=named, body=body)
            answer = self._once(path, body, key=named, hang_up=hang_up and number == 0)
            self._log.write("answer", to=asked, status=answer.status, hit=answer.hit, body=answer.body)
            if answer.status and answer.body.get("code") != "in_progress":
                return answer
            time.sleep(0.2 * (number + 1))
        message = f"{path} got no answer"
        raise TimeoutError(message)

    def close(self) -> None:
        self._connection.close()

    def _once(self, path: str, body: dict[str, Any], *, key: str, hang_up: bool) -> Answer:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json", "Idempotency-Key": key}
        try:
            self._connection.request("POST", f"/api/v1{path}", json.dumps(body).encode(), headers)
            if hang_up:
                self._connection.close()
                return Answer(0, hit=False, body={})
            got = self._connection.getresponse()
            text = got.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return Answer(0, hit=False, body={})
        return Answer(got.status, got.headers.get("Idempotency-Hit") == "true", json.loads(text or b"{}"))
