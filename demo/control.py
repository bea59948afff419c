"""The sandbox's control plane, as the play drives it."""

import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit


class ControlError(Exception):
    """The sandbox refused a control request."""


class Control:
    """One kept connection to a sandbox."""

    def __init__(self, url: str, *, timeout_s: float = 90.0) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout_s)

    def post(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Any:
        """POST to `/_control/<path>`. Raises ControlError."""
        return self._ask("POST", f"/_control/{path}", json.dumps(body).encode())

    def get(self, path: str) -> Any:
        """GET `/_control/<path>`. Raises ControlError."""
        return self._ask("GET", f"/_control/{path}", None)

    def call(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST to a path of the platform itself, as an account would."""
        return self._ask("POST", path, json.dumps(body).encode())

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        try:
            self._connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        if answer.status >= 400:
            message = f"{path}: {answer.status} {text[:300].decode(errors='replace')}"
            raise ControlError(message)
        return json.loads(text)
