"""The door under fire: a real server with two workers, accounts of every mode, and rules that answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from app.core.accounts import OpenAccount
from app.core.clock import WallClock
from app.core.house import House
from app.core.unit import work
from handlers.models import Match, ReplyRule, Trigger
from tests.fuzz.bodies import Door
from tests.support.webserver import WebServer, web_server

SHAPES = (
    ("safe", "service", "xml"),
    ("plain", "service", "xml"),
    ("compatible", "service", "xml"),
    ("safe", "mini", "json"),
    ("plain", "mini", "json"),
)


@dataclass(frozen=True)
class Siege:
    """The server, the accounts behind it and the house that shares its database and inbox."""

    house: House
    web: WebServer
    accounts: tuple[OpenAccount, ...]

    @property
    def doors(self) -> list[Door]:
        return [
            Door(account.appid, account.token, account.aes_key, str(account.mode), form)
            for account, (_, _, form) in zip(self.accounts, SHAPES, strict=True)
        ]


@pytest.fixture(scope="module")
def street(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """One server for all tests of a module: it comes through every one of them, or the next one hears of it."""
    with web_server(environment, tmp_path_factory.mktemp("street") / "web.log") as web:
        yield web


@pytest.fixture
def siege(house: House, street: WebServer, make_account: Callable[..., OpenAccount]) -> Siege:
    accounts = tuple(make_account(mode=mode, kind=kind) for mode, kind, _ in SHAPES)
    now = house.clock.now()
    with work(house.engine) as session:
        for trigger, pattern in ((Trigger.DEFAULT, ""), (Trigger.FOLLOW, ""), (Trigger.KEYWORD, "积分|hello"), (Trigger.MENU, "menu_sale")):
            session.add(
                ReplyRule(
                    name=str(trigger),
                    trigger=trigger,
                    match=Match.REGEX if trigger is Trigger.KEYWORD else Match.EXACT,
                    pattern=pattern,
                    reply={"type": "text", "content": "您好 ]]> & <再见>"},
                    created_at=now,
                    changed_at=now,
                )
            )
    # Each worker looks once a second at most for an account it does not know.
    street.wait_until_awake([f"/wechat/{account.appid}" for account in accounts], status=400)
    # The server keeps real time, and so must whoever drains what it accepted.
    return Siege(replace(house, clock=WallClock()), street, accounts)
