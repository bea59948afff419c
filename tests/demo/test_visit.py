"""After the play: people find their cards on their phones, two of the staff may log in, and the table says where everything is."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.core import passwords
from app.core.clock import WallClock
from app.core.logins import log_in, pair_device
from app.core.secrets import new_key
from app.factory import create_app
from app.local.home import Home
from demo.control import Control
from demo.door import fanka
from demo.found import connect
from demo.money_log import InputLog
from demo.money_shop import open_card
from demo.phones import JoinError, hand_out, join
from demo.place import Site
from demo.setup import Shop
from demo.visit import Visit, lines, prepare


@pytest.fixture
def site(tmp_path):
    servers = {"DATABASE_URL": "postgresql://x", "REDIS_URL": "redis://x", "FANKA_REDIS_PREFIX": "demo7"}
    home = Home({"FANKA_STATE_DIR": str(tmp_path), "FANKA_KEYS": new_key("k1"), "FANKA_LOOKUP_KEYS": new_key("l1"), **servers})
    return Site(home, tmp_path / "truth.log", tmp_path / "money.log", tmp_path / "demo.log", 8000, 8900)


@pytest.fixture
def control(sandbox):
    held = Control(sandbox.url)
    yield held
    held.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A hash that is quick to make; how slow the real one is, is no matter of these tests."""
    monkeypatch.setattr(passwords, "_COST", 2**4)


@pytest.fixture
def opened(house, sandbox, control, make_account, serve):
    """Two accounts, five people of whom two follow one each, a store and a programme with a gift."""
    house.clock = WallClock()
    url = serve(create_app(house))
    house.settings = replace(house.settings, public_url=url)
    shop = Shop(people=[person["id"] for person in control.post("people", {"count": 5})["people"]])
    for number in (1, 3):
        account = make_account()
        sandbox.add_account(account)
        shop.ids[account.appid], shop.templates[account.appid] = str(account.public_id), "unused"
        control.post("act", {"person": shop.people[number], "appid": account.appid, "do": "follow"})
    fanka("store", "add", "B01", "--name", "百货一店", "--unit", "海岸百货")
    fanka("programme", "add", "海岸会员")
    fanka("programme", "gift", "100", "--unit", "海岸百货")
    return shop, url


def test_the_first_who_follow_find_their_cards_on_their_phones(opened, house, control, tmp_path):
    shop, url = opened
    log = InputLog(tmp_path / "money.log")
    cards = [open_card(log, f"1380070000{number}") for number in range(3)]
    log.close()
    with connect(house.settings.database_url) as connection:
        bound = hand_out(control, shop, public_url=url, money=tmp_path / "money.log", connection=connection, most=3)
    assert set(bound) == {shop.people[1], shop.people[3]}
    assert set(bound.values()) < {card.number for card in cards}
    with pytest.raises(JoinError, match="422"):
        control.post("browser", {"person": shop.people[0]})
        join(shop.card_url(url, next(iter(shop.ids))), url, phone="13800700002", number="0000000000000000")


def test_the_staff_may_log_in_on_the_device_that_the_code_pairs(house):
    fanka("store", "add", "B01", "--name", "百货一店", "--unit", "海岸百货")
    house.clock = WallClock()
    visit = prepare()
    token, _ = pair_device(house, code=visit.pairing, address="test")
    for login in visit.logins:
        _, presence = log_in(house, device_token=token, login=login, password=visit.password, totp="", address="test")
        assert presence.store.code == "B01"


def test_the_table_names_every_page_log_in_and_the_command_line(site):
    said = "\n".join(lines(site, Visit(["chen", "wang"], "a-drawn-password", "ABCDE-12345"), {"p2": "8177544271968536", "p4": "1"}))
    for words in (
        "http://127.0.0.1:8900/#p2",
        "p2, p4",
        "http://127.0.0.1:8000/me",
        "http://127.0.0.1:8000/clerk",
        "ABCDE-12345",
        "chen / wang",
        "a-drawn-password",
        "fanka member find 8177544271968536",
        str(site.noise),
    ):
        assert words in said, words
    told = dict(part.split("=", 1) for part in said.partition("export ")[2].splitlines()[0].split())
    assert told["FANKA_STATE_DIR"] == str(Path(site.noise).parent)
    assert told["FANKA_WECHAT_API_URL"] == "http://127.0.0.1:8900"
    assert told["FANKA_PUBLIC_URL"] == "http://127.0.0.1:8000"
    assert told["FANKA_REDIS_PREFIX"] == "demo7"
