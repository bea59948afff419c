"""Durable or an honest refusal: the inbox, else the database, else 503 within the platform's five seconds."""

import socket
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.core.accounts import OpenAccount
from app.core.facts import FactRow
from app.core.house import House
from app.core.inbox import Entry, Inbox
from app.core.kv import open_redis
from app.core.unit import reading
from app.web.problems import install
from app.web.webhook import accept, door, make_webhook
from handlers.chain import Chain
from tests.app.web.webhook.test_door import entries, event, post
from tests.support.letters import letter


def without_redis(house: House) -> House:
    return replace(house, inbox=Inbox(open_redis("redis://127.0.0.1:9/0", timeout_s=0.2, text=False), "gone", max_bytes=1 << 20))


def app_over(house: House, chain: Chain) -> Flask:
    flask_app = Flask("webhook")
    install(flask_app)
    flask_app.register_blueprint(make_webhook(house, chain))
    return flask_app


def kinds(house: House) -> list[str]:
    with reading(house.engine) as session:
        return list(session.scalars(select(FactRow.kind).order_by(FactRow.id)))


def broken_database(*_: object) -> None:
    raise OperationalError("SELECT 1", {}, ConnectionRefusedError())


def test_without_redis_the_database_takes_it(house: House, chain: Chain, make_account: Callable[..., OpenAccount]) -> None:
    account = make_account()
    client = app_over(without_redis(house), chain).test_client()
    for nonce in ("1", "2"):
        assert post(client, letter(account, event(), now=house.clock.now(), nonce=nonce)).status_code == 200
    assert kinds(house) == ["follower.followed"]


def test_a_full_inbox_is_as_good_as_none(house: House, chain: Chain, make_account: Callable[..., OpenAccount]) -> None:
    account = make_account()
    small = replace(house, inbox=Inbox(house.inbox.redis, house.settings.redis_prefix, max_bytes=16))
    assert post(app_over(small, chain).test_client(), letter(account, event(), now=house.clock.now())).status_code == 200
    assert entries(house) == []
    assert kinds(house) == ["follower.followed"]


def test_with_both_gone_it_says_so_and_raises_an_alarm(
    house: House, chain: Chain, make_account: Callable[..., OpenAccount], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    account = make_account()
    monkeypatch.setattr(accept, "record_now", broken_database)
    answer = post(app_over(without_redis(house), chain).test_client(), letter(account, event(), now=house.clock.now()))
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (503, "not_accepted")
    (alarm,) = [record for record in caplog.records if record.getMessage() == "event_not_accepted"]
    assert alarm.levelname == "ERROR"
    assert alarm.fields["alarm"] is True


def test_a_database_that_hangs_does_not_hold_the_answer(
    house: House, chain: Chain, make_account: Callable[..., OpenAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account()
    release = threading.Event()
    monkeypatch.setattr(accept, "record_now", lambda *_: release.wait(30))
    monkeypatch.setattr(door, "_BUDGET_S", 0.3)
    try:
        answer = post(app_over(without_redis(house), chain).test_client(), letter(account, event(), now=house.clock.now()))
    finally:
        release.set()
    assert answer.status_code == 503


def test_what_is_gone_is_asked_again_now_and_then_and_used_once_it_is_back(
    house: House, chain: Chain, make_account: Callable[..., OpenAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    account, asked, away = make_account(), [], True
    append = house.inbox.append

    def sometimes(entry: Entry) -> None:
        asked.append(entry.key)
        if away:
            raise RedisConnectionError
        append(entry)

    monkeypatch.setattr(house.inbox, "append", sometimes)
    client = app_over(house, chain).test_client()

    def send(at: int) -> None:
        assert post(client, letter(account, event(at=at), now=house.clock.now())).status_code == 200

    ticks = [100.0]
    monkeypatch.setattr(accept, "monotonic", lambda: ticks[0])
    for number in range(4):
        send(1795320000 + number)
    assert len(asked) == 1, "the first found it away; the others did not wait for it"
    away = False
    send(1795320010)
    assert len(asked) == 1
    ticks[0] += accept._PROBE_S
    send(1795320011)
    send(1795320012)
    assert len(asked) == 3
    assert len(entries(house)) == 2
    assert len(kinds(house)) == 5


def test_known_accounts_are_served_while_the_database_is_away(
    house: House, chain: Chain, make_account: Callable[..., OpenAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account()
    flask_app = app_over(house, chain)
    client = flask_app.test_client()
    assert post(client, letter(account, event(), now=house.clock.now())).status_code == 200

    def away(*_: object, **__: object) -> None:
        raise OperationalError("SELECT 1", {}, ConnectionRefusedError())

    monkeypatch.setattr("app.core.accounts.reading", away)
    monkeypatch.setattr("handlers.rulebook.reading", away)
    house.accounts.forget()
    chain.rules.forget()
    flask_app.blueprints["webhook"].door.accounts.forget()
    assert post(client, letter(account, event("unsubscribe"), now=house.clock.now())).status_code == 200
    assert len(entries(house)) == 2


def test_a_process_that_never_knew_an_account_says_503_while_the_database_is_away(
    house: House, chain: Chain, make_account: Callable[..., OpenAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account()

    def away(*_: object, **__: object) -> None:
        raise OperationalError("SELECT 1", {}, ConnectionRefusedError())

    monkeypatch.setattr("app.core.accounts.reading", away)
    answer = post(app_over(house, chain).test_client(), letter(account, event(), now=house.clock.now()))
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (503, "not_read_yet")


def test_a_redis_that_hangs_is_left_for_the_database(house: House, chain: Chain, make_account: Callable[..., OpenAccount]) -> None:
    account = make_account()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hung = Inbox(open_redis(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", timeout_s=0.2, text=False), "gone", max_bytes=1 << 20)
        client = app_over(replace(house, inbox=hung), chain).test_client()
        assert post(client, letter(account, event(), now=house.clock.now())).status_code == 200
        hung.redis.close()
    assert kinds(house) == ["follower.followed"]
