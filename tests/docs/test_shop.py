"""The README's shop in ten minutes: its commands are run as they stand, and what it tells a stranger to do on the pages is done by HTTP."""

import json
import re
import textwrap
from dataclasses import replace
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener
from uuid import uuid4

import pytest

from app.core.clock import WallClock
from app.factory import create_app
from app.local.place import CHECKOUT
from tests.app.commands.conftest import run_cli
from tests.support.shell import open_shell

PHONE = "13800000003"
SANDBOX, HOUSE = "http://127.0.0.1:8900", "http://127.0.0.1:8000"


def blocks() -> list[str]:
    """The commands of the section, in order."""
    section = (CHECKOUT / "README.md").read_text().partition("## A shop in ten minutes\n")[2].partition("\n## ")[0]
    return [textwrap.dedent(found) for found in re.findall(r"^ *```sh\n(.*?)^ *```$", section, re.MULTILINE | re.DOTALL)]


class Browser:
    """A person with a browser; redirects and cookies as everywhere."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        return self._ask(Request(self._address(path)))

    def send(self, path: str, form: dict[str, str]) -> str:
        """Fill in the form that `path` shows and send it."""
        shown = self.get(path)
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', shown))
        return self._ask(Request(self._address(path), urlencode({**hidden, **form}).encode()))

    def counter(self, path: str, body: dict[str, object]) -> dict[str, object]:
        """A call of the clerk's page."""
        headers = {"X-Fanka-Clerk": "1", "Origin": self._base, "Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        return json.loads(self._ask(Request(f"{self._base}/clerk/api/{path}", json.dumps(body).encode(), headers)))

    def _address(self, path: str) -> str:
        return path if "://" in path else self._base + path

    def _ask(self, request: Request) -> str:
        with self._opener.open(request, timeout=30) as answer:
            return answer.read().decode()


@pytest.fixture
def base(house, sandbox, serve, clean):
    """The stranger's house, at the address that the README's commands are told instead of their own."""
    house.clock = WallClock()
    address = serve(create_app(house))
    house.settings = replace(house.settings, public_url=address)
    return address


def test_a_stranger_with_the_readme_opens_a_card_earns_redeems_and_reads_the_statement(house, sandbox, base, tmp_path):
    install, wechat, up, account, shop, menu, order, staff, look = (
        block.replace(SANDBOX, sandbox.url).replace(HOUSE, base) for block in blocks()
    )
    assert install.splitlines() == ["make install", ". .venv/bin/activate", f"export FANKA_WECHAT_API_URL={sandbox.url}"]
    assert wechat == "fanka sandbox --port 8900 --log var/wechat.log\n"
    assert up == "fanka up\n"
    with open_shell(tmp_path, run_cli) as shell:
        for each in (account, shop, menu):
            shell.run(each)
        opens(sandbox, base)
        assert json.loads(shell.run(order))["points"] == 188
        assert "余 288" in member(sandbox, base, "/me/points")
        coupon = takes(sandbox, base)
        pairing = re.search(r"[A-Z0-9]{5}-[A-Z0-9]{5}", shell.run(staff))[0]
        redeems(base, pairing, coupon)
        assert "已用" in member(sandbox, base, "/me/coupons")
        said = shell.run(look)
    assert "积分 288" in said
    assert "陈晨" in said
    assert "账本无误" in said


def buttons(sandbox) -> dict[str, str]:
    """What a follower sees below the chat."""
    shown = sandbox.control("chat?person=p1&appid=wx0123456789abcdef")["menu"]["button"]
    return {button["name"]: button["url"] for button in shown}


def enter(sandbox, base: str, button: str) -> Browser:
    """Press a button of the menu on the phone of the sandbox's page."""
    browser = Browser(base)
    sandbox.control("browser", {"person": "p1"})
    browser.get(buttons(sandbox)[button])
    return browser


def opens(sandbox, base: str) -> None:
    sandbox.control("people", {"count": 1})
    sandbox.control("act", {"person": "p1", "appid": "wx0123456789abcdef", "do": "follow"})
    page = enter(sandbox, base, "会员卡").send("/join", {"phone": PHONE, "agree": "on"})
    assert "100 积分开卡礼已到账" in page


def member(sandbox, base: str, path: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", enter(sandbox, base, "会员卡").get(path)))


def takes(sandbox, base: str) -> str:
    """Take the coupon by its button; the signs that can be read out."""
    browser = enter(sandbox, base, "领券")
    page = browser.send("/c/" + buttons(sandbox)["领券"].rpartition("/")[2], {})
    return re.search(r'data-code="([^"]+)"', page)[1]


def redeems(base: str, pairing: str, coupon: str) -> None:
    browser = Browser(base)
    browser.counter("pair", {"code": pairing})
    browser.counter("login", {"login": "chen", "password": "correct-horse-battery"})
    seen = browser.counter("preview", {"code": coupon})
    body = {"ticket": seen["ticket"], "coupon": seen["chosen"], "total_fen": 19_900, "device_at": "2026-11-22T04:00:00Z", "offline": False}
    done = browser.counter("redeem", body)
    assert (done["outcome"], done["total_fen"] - done["discount_fen"]) == ("done", 9_900)
