"""The chain over rules and channels that tests know, and payloads as WeChat sends them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.core.accounts import OpenAccount
from app.core.house import House
from app.core.inbound import Inbound
from app.core.unit import work
from app.wechat.inbound import read_inbound
from handlers.chain import Chain, build_chain
from handlers.rules import add_rule
from tests.handlers.rows import RULES, WELCOMES
from tests.support.letters import letter

PAYLOADS = Path(__file__).parents[1] / "fixtures" / "inbound"


@dataclass(frozen=True)
class View:
    """A channel as the chain sees one."""

    id: int
    name: str
    welcome: Mapping[str, Any] | None


class Scenes:
    """Channels by scene, whatever the account."""

    def find(self, account_id: int, scene: str) -> View | None:
        assert account_id > 0
        return View(7, "客村店", WELCOMES[scene]) if scene in WELCOMES else None


@pytest.fixture
def rules(house: House) -> dict[str, str]:
    """The rules of the table, by name their public ids."""
    with work(house.engine) as session:
        return {rule["name"]: str(add_rule(session, rule, house=house, actor="Mei").public_id) for rule in RULES}


@pytest.fixture
def chain(house: House, rules: dict[str, str]) -> Chain:
    assert rules
    return build_chain(house, channels=Scenes())


@pytest.fixture
def hear_payload(house: House) -> Callable[[OpenAccount, str], Inbound]:
    """Read a payload file as the webhook of a plain account would."""

    def read(account: OpenAccount, name: str) -> Inbound:
        now = house.clock.now()
        sent = letter(account, (PAYLOADS / name).read_bytes(), now=now)
        return read_inbound(account, args=sent.query, body=sent.body, content_type=sent.content_type, now=now, tolerance_s=300).inbound

    return read
