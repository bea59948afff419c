"""A real sandbox process and its control plane, as tests use it."""

import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from app.core.accounts import OpenAccount
from app.local.place import CHECKOUT


class Sandbox:
    """WeChat on loopback. `url` is what `FANKA_WECHAT_API_URL` becomes."""

    def __init__(self, log: Path, *, seed: int = 1, port: int | None = None) -> None:
        self.log = log
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._seed = seed
        self._http = requests.Session()
        self._http.trust_env = False
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        output = self.log.with_suffix(".out")
        with output.open("ab") as out:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "sandbox", "--port", str(self.port), "--log", str(self.log), "--seed", str(self._seed)],
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + 30
        while True:
            try:
                self._http.get(f"{self.url}/_control/state", timeout=2).raise_for_status()
            except requests.RequestException:
                if self._child.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"the sandbox did not start: {output.read_text()[-2000:]}") from None
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        self._http.close()
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(10)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    def control(self, path: str, body: Mapping[str, Any] | Sequence[Any] | None = None, *, method: str | None = None) -> Any:
        """One call of the control plane: POST with a body, GET without, or the method given. Fails the test on a refusal."""
        answer = self._http.request(method or ("GET" if body is None else "POST"), f"{self.url}/_control/{path}", json=body, timeout=90)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def reset(self) -> None:
        self.control("reset", {})

    def add_account(self, account: OpenAccount, *, callback_url: str = "", open_platform: str = "", body_format: str = "xml") -> None:
        """Make WeChat know one of our accounts."""
        self.control(
            "accounts",
            {
                "appid": account.appid,
                "secret": account.secret,
                "kind": str(account.kind),
                "name": account.name,
                "token": account.token,
                "aes_key": account.aes_key,
                "mode": str(account.mode),
                "callback_url": callback_url,
                "open_platform": open_platform,
                "format": body_format,
            },
        )

    def add_people(self, *names: str) -> list[dict[str, Any]]:
        """People by name, as [{id, name, phone}]."""
        return list(
            self.control("people", {"people": [{"name": name, "phone": f"138{10_000_000 + n}"} for n, name in enumerate(names)]})["people"]
        )

    def person(self, person: Any) -> dict[str, Any]:
        return dict(self.control(f"people/{person}"))

    def act(self, person: Any, account: OpenAccount, do: str, **more: Any) -> list[int]:
        """Let a person do something on an account; returns the numbers of the events it caused."""
        return list(self.control("act", {"person": person, "appid": account.appid, "do": do, **more})["events"])

    def idle(self, timeout_s: float = 30) -> dict[str, Any]:
        """Wait until no callback and no receipt is pending."""
        return dict(self.control("idle", {"timeout_s": timeout_s}))


def free_port() -> int:
    """A TCP port on loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
