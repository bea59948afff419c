"""Fixtures every test may ask for: settings, clock, house, accounts, the web application and the sandbox."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.core import house as house_module
from app.core import unit
from app.core.accounts import AccountBook, OpenAccount
from app.core.clock import SetClock
from app.core.house import House, enter
from app.core.kv import open_redis
from app.core.registry import Registry
from app.core.secrets import new_key
from app.core.settings import Settings, read_settings
from app.local.place import Place
from tests.support.accounts import make_account as add_test_account
from tests.support.browser import open_chromium, open_page
from tests.support.cleaning import Sweeper, sweep_redis
from tests.support.places import private_place
from tests.support.pools import reclaim
from tests.support.sandbox import Sandbox
from tests.support.servers import Servers
from tests.support.serving import served

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
"""Sunday noon in Shanghai."""
NOWHERE = "http://127.0.0.1:9"
"""Where WeChat is for tests that start no sandbox: nobody answers."""


def pytest_configure(config: pytest.Config) -> None:
    """Stay a user of the shared servers for the whole run, so that they are not stopped between two workers."""
    servers = Servers()
    config.stash[_SERVERS] = servers
    config.add_cleanup(servers.leave)


_SERVERS = pytest.StashKey[Servers]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long forms run only where somebody said for how long: `make soak MINUTES=10`."""
    if "SOAK_MINUTES" not in os.environ:
        long = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Servers:
    """The PostgreSQL and Redis shared by every test process; started when first asked for an address."""
    return pytestconfig.stash[_SERVERS]


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    """This process's own Redis database, with `appendfsync always`."""
    return servers.redis_url


@pytest.fixture(scope="session")
def environment(servers: Servers, redis_url: str) -> dict[str, str]:
    """The variables a child process of a test needs to live in this process's database and Redis."""
    return {
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": redis_url,
        "FANKA_REDIS_PREFIX": f"t{servers.slot}",
        "FANKA_KEYS": new_key("k1"),
        "FANKA_LOOKUP_KEYS": new_key("l1"),
        "FANKA_WECHAT_API_URL": NOWHERE,
        "FANKA_LOG_LEVEL": "WARNING",
    }


@pytest.fixture(scope="session")
def process_house(environment: dict[str, str]) -> Iterator[House]:
    """The one house of this process. Tests take `house`, which is this one with everything changeable made new."""
    from app.factory import build_house

    built = build_house(read_settings(environment), clock=SetClock(NOON), pool_size=10)
    yield built
    built.engine.dispose()
    for client in (built.redis, built.inbox.redis):
        client.close()


@pytest.fixture(scope="session")
def sweeper(servers: Servers) -> Iterator[Sweeper]:
    held = Sweeper(servers.database_url)
    yield held
    held.close()


@pytest.fixture
def clean(sweeper: Sweeper, redis_url: str) -> None:
    """No row and no key is left of the test before."""
    sweeper.sweep()
    client = open_redis(redis_url)
    sweep_redis(client)
    client.close()


@pytest.fixture
def settings(request: pytest.FixtureRequest, environment: dict[str, str]) -> Settings:
    """Settings of a test; WeChat is the sandbox when the test asked for it, and nowhere otherwise."""
    found = read_settings(environment)
    if "sandbox" in request.fixturenames:
        running: Sandbox = request.getfixturevalue("sandbox")
        return replace(found, wechat_api_url=running.url)
    return found


@pytest.fixture
def clock() -> SetClock:
    """A clock that stands at Sunday noon in Shanghai, 2026-11-22."""
    return SetClock(NOON)


@pytest.fixture
def house(process_house: House, settings: Settings, clock: SetClock, clean: None) -> Iterator[House]:
    """A house on an empty, migrated database of this process's own; RQ jobs called directly find it."""
    del clean
    base = process_house
    built = replace(
        base,
        settings=settings,
        clock=clock,
        registry=Registry(list(base.registry.projections), list(base.registry.reactions), base.registry.wake_reactions),
        accounts=AccountBook(base.engine, base.ring),
    )
    enter(built)
    yield built
    house_module._current = None
    # A page that was just closed may still be answered by a thread of its server.
    held = reclaim(built.engine, within_s=15)
    assert not held, f"{held} database connections were not given back"


@pytest.fixture
def engine(house: House) -> Engine:
    return house.engine


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session whose work is rolled back: for tests in which one connection is enough and nothing commits."""
    with engine.connect() as connection, connection.begin() as outer:
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as held:
            held.info[unit._HOOKS] = []
            yield held
        outer.rollback()


@pytest.fixture
def make_account(house: House) -> Callable[..., OpenAccount]:
    """`make_account(name=..., kind="service", mode="safe", ...)`: another account in the house, with its secrets opened."""

    def make(**wishes: Any) -> OpenAccount:
        return add_test_account(house, **wishes)

    return make


@pytest.fixture
def web(house: House) -> FlaskClient:
    """A client of the web application over the house."""
    from app.factory import create_app

    application: Flask = create_app(house)
    return application.test_client()


@pytest.fixture(scope="session")
def process_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The sandbox of this process, started when the first test asks for it."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox") / "truth.log")
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def sandbox(process_sandbox: Sandbox) -> Sandbox:
    """WeChat on loopback, reset: `sandbox.url`, `sandbox.control(path, body)`, `sandbox.act(...)`."""
    process_sandbox.reset()
    return process_sandbox


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real Chromium, for tests marked `browser`; no longer than a module, because while it is open no other event loop runs here."""
    with open_chromium() as running:
        yield running


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    """A page of 390 by 844 points, as a hand holds it. Any error on the page's console fails the test."""
    with open_page(chromium, width=390, height=844) as page:
        yield page


@pytest.fixture
def desk(chromium: Browser) -> Iterator[Page]:
    """A page of 1280 by 800 points, as a desk has it. Any error on the page's console fails the test."""
    with open_page(chromium, width=1280, height=800) as page:
        yield page


@pytest.fixture
def own_place(servers: Servers) -> Iterator[Place]:
    """A place for servers that belong to one test alone, such as those it kills; they are ended and removed afterwards."""
    with private_place(servers.place) as place:
        yield place


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """`serve(app)` puts a WSGI application behind a real socket for this test and returns its base address."""
    with ExitStack() as stack:
        yield lambda application: stack.enter_context(served(application))
