"""WeChat for the benches: the sandbox as a child, with followers and a template, and its log as the judge of what was sent."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import requests

from app.local.programs import sandbox_program
from bench.ground import Ground, free_port
from bench.letters import AES_KEY, APPID, SECRET, TOKEN

TEMPLATE_ID = "tpl-bench"
TEMPLATE = "{{thing1.DATA}}\n{{time2.DATA}}"
_AT_ONCE = 1000


@dataclass(slots=True)
class Platform:
    """The running sandbox."""

    url: str
    log: Path
    _http: requests.Session

    def control(self, path: str, body: Any) -> Any:
        answer = self._http.post(f"{self.url}/_control/{path}", json=body, timeout=120)
        answer.raise_for_status()
        return answer.json()

    def make_followers(self, number: int) -> list[str]:
        """So many people who follow the bench's account; returns their openids."""
        people = self.control("people", {"count": number})["people"]
        for start in range(0, number, _AT_ONCE):
            self.control("act", [{"person": each["id"], "appid": APPID, "do": "follow"} for each in people[start : start + _AT_ONCE]])
        body = {"grant_type": "client_credential", "appid": APPID, "secret": SECRET}
        token = self._http.post(f"{self.url}/cgi-bin/stable_token", json=body, timeout=10).json()["access_token"]
        openids: list[str] = []
        after = ""
        while len(openids) < number:
            query = {"access_token": token, "next_openid": after}
            page = self._http.get(f"{self.url}/cgi-bin/user/get", params=query, timeout=30).json()
            openids += page["data"]["openid"]
            after = page["next_openid"]
        return openids

    def mark(self) -> int:
        """Where the log ends now."""
        return self.log.stat().st_size

    def accepted_since(self, mark: int) -> tuple[Counter[str], dict[str, str]]:
        """Template messages accepted since a mark: how many each openid got, and the openid by msgid."""
        got: Counter[str] = Counter()
        by_msgid: dict[str, str] = {}
        with self.log.open("rb") as lines:
            lines.seek(mark)
            for line in lines:
                entry = orjson.loads(line)
                if entry["type"] == "message" and entry["via"] == "template":
                    got[entry["openid"]] += 1
                    by_msgid[str(entry["msgid"])] = entry["openid"]
        return got, by_msgid


@contextmanager
def platform(place: Ground) -> Iterator[Platform]:
    """The sandbox with the bench's account and template; receipts are withheld, quotas do not end."""
    port = free_port()
    log = place.place.root / "truth.log"
    with place.running(sandbox_program(place.env, port=port, log=log)), requests.Session() as http:
        http.trust_env = False
        found = Platform(f"http://127.0.0.1:{port}", log, http)
        account = {"appid": APPID, "secret": SECRET, "kind": "service", "name": "粉卡旗舰店", "token": TOKEN, "aes_key": AES_KEY}
        found.control("accounts", {**account, "mode": "safe", "callback_url": "", "open_platform": "", "format": "xml"})
        found.control("templates", {"appid": APPID, "template_id": TEMPLATE_ID, "title": "积分变动", "content": TEMPLATE})
        found.control("settings", {"receipts": "withheld", "quota": {"template": 10**9}})
        yield found
