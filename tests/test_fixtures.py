"""The fixtures keep their promises: a migrated database, an empty one for every test, a Redis that fsyncs."""

import gc
import sys

import pytest
from redis import Redis
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session

from app.core.house import current
from app.core.nouns import Account, BusinessUnit
from app.core.unit import reading, work
from tests.support import pools
from tests.support.browser import open_page
from tests.support.pools import reclaim
from tests.support.servers import Servers


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_finds_the_database_and_redis_empty(house, make_account, turn):
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Account)) == 0
    assert house.redis.dbsize() == 0
    make_account(name=f"turn {turn}")
    house.redis.set("left", turn)


def test_the_redis_of_tests_is_as_strict_as_the_inbox_needs(redis_url):
    client = Redis.from_url(redis_url, decode_responses=True)
    assert client.config_get("appendfsync")["appendfsync"] == "always"
    assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    client.close()


def test_accounts_differ_and_open(house, make_account):
    first, second = make_account(), make_account(kind="mini", mode="plain", priority=7)
    assert first.appid != second.appid
    assert second.priority == 7
    assert house.accounts.by_appid(first.appid) == first
    assert current() is house


def test_the_rollback_session_leaves_nothing(session: Session, servers):
    session.add(BusinessUnit(name="group"))
    session.flush()
    assert session.scalar(text("SELECT current_database()")) == f"slot_{servers.slot}"


def test_a_unit_of_work_is_swept_before_the_next_test(house):
    with work(house.engine) as session:
        session.add(BusinessUnit(name="group"))
        session.flush()
        assert session.scalar(select(func.count()).select_from(BusinessUnit)) == 1


@pytest.mark.browser
def test_chromium_shows_a_page_served_by_us(serve, phone):
    def page(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return ["<link rel=icon href=data:,><h1>粉卡</h1>".encode()]

    phone.goto(serve(page))
    assert phone.inner_text("h1") == "粉卡"
    assert phone.evaluate("innerWidth") == 390


@pytest.mark.browser
def test_an_error_on_a_page_fails_its_test(chromium):
    with pytest.raises(AssertionError, match="burnt"), open_page(chromium, width=390, height=844) as page:
        page.evaluate("console.error('burnt')")


def test_the_sandbox_is_where_the_house_looks_for_wechat(house, sandbox, make_account):
    assert house.settings.wechat_api_url == sandbox.url
    account = make_account()
    sandbox.add_account(account)
    (lin,) = sandbox.add_people("Lin")
    assert sandbox.act(lin["id"], account, "follow")
    assert sandbox.person(lin["id"])["openids"][account.appid].startswith("o")


def test_the_sandbox_is_reset_for_every_test(sandbox):
    assert sandbox.control("accounts") == {"accounts": []}


def test_without_a_sandbox_wechat_is_nowhere(house):
    assert house.settings.wechat_api_url.endswith(":9")


def test_a_connection_that_stays_away_is_no_later_tests_trouble(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = create_engine(servers.database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    heard: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda trouble: heard.append(str(trouble.exc_value)))
    kept = engine.connect()
    assert reclaim(engine, within_s=0.01) == 1
    assert reclaim(engine, within_s=0.01) == 0, "the new pool has nothing out"
    kept.close()
    del kept
    engine.dispose()
    gc.collect()
    assert heard == []
    pools._lost.pop().dispose()
