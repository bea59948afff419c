"""A mini program whose codes come from the sandbox, and the shop behind it."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.core.accounts import OpenAccount
from tests.support.h5 import Counter, open_counter
from tests.support.sandbox import Sandbox


@dataclass
class MiniProgram:
    """One mini program on the phones of Lin and Zhao."""

    web: FlaskClient
    sandbox: Sandbox
    counter: Counter
    account: OpenAccount
    people: dict[str, dict[str, Any]] = field(default_factory=dict)

    def code(self, who: str, what: str = "login_code", *, account: OpenAccount | None = None) -> str:
        """What `wx.login` or `getPhoneNumber` gives on somebody's phone."""
        appid = (account or self.account).appid
        return str(self.sandbox.control("act", {"person": self.people[who]["id"], "appid": appid, "do": what})["code"])

    def session(self, code: str, *, appid: str | None = None) -> TestResponse:
        return self.web.post(f"/mini/{appid or self.account.appid}/session", json={"code": code})

    def token(self, who: str) -> str:
        return str(self.session(self.code(who)).get_json()["token"])

    def open(self, token: str, code: str, *, web: FlaskClient | None = None, appid: str | None = None, **more: Any) -> TestResponse:
        body = {"phone_code": code, "consent": True, **more}
        return (web or self.web).post(f"/mini/{appid or self.account.appid}/card", json=body, headers={"Authorization": f"Bearer {token}"})

    def read(self, token: str, *, appid: str | None = None) -> TestResponse:
        return self.web.get(f"/mini/{appid or self.account.appid}/card", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def mini(web, house, make_account, sandbox) -> MiniProgram:
    counter = open_counter(house, make_account(name="海岸百货"))
    made = MiniProgram(web, sandbox, counter, make_account(name="海岸小程序", kind="mini"))
    sandbox.add_account(made.account, open_platform="coast")
    made.people = {person["name"]: person for person in sandbox.add_people("Lin", "Zhao")}
    return made
