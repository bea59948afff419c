"""The gateway's client and the bulk sender with the twin in WeChat's place: everything above the wire is the real thing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson

from app.core.accounts import OpenAccount
from app.wechat.errors import Unanswered, WeChatError
from app.wechat.sender import Answer, Outgoing
from app.wechat.transport import ApiClient, Tokens

_NOWHERE = "http://twin.invalid"


class Platform(Tokens, Protocol):
    """Who answers in WeChat's place."""

    def answer(
        self,
        account: OpenAccount,
        path: str,
        *,
        params: Mapping[str, Any],
        body: dict[str, Any],
        file: tuple[str, bytes] | None = None,
    ) -> dict[str, Any]: ...


class TwinClient(ApiClient):
    """Builds every call as the real client does and hands it to the twin."""

    def __init__(self, account: OpenAccount, platform: Platform) -> None:
        super().__init__(account, _NOWHERE, platform)
        self._platform = platform

    def _once(self, method: str, url: str, params: dict[str, Any], kwargs: dict[str, Any]) -> Any:
        del method
        root = kwargs.get("api_base_url", self.API_BASE_URL)
        path = urlsplit(url if "://" in url else root + url).path
        body = orjson.loads(kwargs["data"]) if "data" in kwargs else {}
        answer = self._platform.answer(self.account, path, params=params, body=body, file=(kwargs.get("files") or {}).get("media"))
        process = kwargs.get("result_processor")
        try:
            return process(answer) if process else answer
        except (KeyError, TypeError):
            raise Unanswered("the answer cannot be read", self.appid) from None


@dataclass(slots=True)
class TwinSender:
    """The bulk sender over the twin: one after the other, the same answers."""

    platform: Platform

    def send(self, requests: Sequence[Outgoing]) -> list[Answer]:
        return [self._send(request) for request in requests]

    def _send(self, request: Outgoing) -> Answer:
        try:
            body = TwinClient(request.account, self.platform).raw("post", request.path, payload=request.payload)
        except WeChatError as error:
            return Answer(request.tag, ok=False, body=dict(error.answer) or None, error=error, latency_ms=0.0)
        return Answer(request.tag, ok=True, body=body, error=None, latency_ms=0.0)
