"""The doctor: each thing that can be wrong is said in one line of its own, and nothing else is blamed for it."""

import base64
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from sqlalchemy import text

from app.commands.checks import clock as clock_check
from app.commands.checks.accounts import aes_fault
from app.core import house as held
from app.core.accounts import AccountBook
from app.core.clock import WallClock
from app.core.inbox import Inbox
from app.core.kv import open_redis
from app.core.nouns import Account
from app.core.secrets import KeyRing, new_key
from app.core.unit import work
from app.factory import create_app
from app.local.place import Place
from app.local.program import end, launch, wait_ready
from app.local.redis import RedisServer
from app.web.tally import last_key
from app.web.webhook.door import refused_of_key
from tests.app.commands.conftest import run_cli
from tests.app.commands.test_account import _shown
from tests.support.servers import Servers


@pytest.fixture
def sound(house, sandbox, make_account, serve, web_app, change_settings):
    """A house in which nothing is wrong: one account that WeChat knows, reached at its address."""
    account = make_account()
    sandbox.add_account(account)
    change_settings(public_url=serve(web_app))
    return account


def look(fanka):
    """The findings that are not ok, and the exit code; every finding is one line."""
    answer = fanka("doctor", json=True)
    found = answer.json["findings"]
    said = fanka("doctor")
    # Looking at a callback is itself refused by a house with another token, and the count of refusals is a finding of its own from then on.
    again = fanka("doctor", json=True).json["findings"]
    assert len(found) <= len(said.out.strip().splitlines()) <= len(again)
    assert said.code == answer.code
    assert "Traceback" not in said.out + said.err
    assert answer.json["ok"] is (answer.code == 0)
    return [each for each in found if each["level"] != "ok"], answer.code


def test_a_sound_house_has_nothing_to_say(sound, fanka):
    assert look(fanka) == ([], 0)
    said = fanka("doctor", env={"FANKA_LANG": "en"})
    assert "✓ schema: the schema is up to date" in said.out
    assert "fsyncs every write" in said.out
    assert "the callback address answers" in said.out


def test_a_wrong_secret(sound, sandbox, fanka):
    sandbox.control("accounts", {**_shown(sound), "secret": "another"})
    found, code = look(fanka)
    assert [(each["part"], each["level"]) for each in found] == [(f"account {sound.appid}", "bad")]
    assert "AppSecret" in found[0]["en"]
    assert sound.secret not in json.dumps(found)
    assert code == 1


def test_a_wrong_webhook_token(sound, house, serve, change_settings, fanka):
    """Whoever answers at the public address has another token than this house."""
    before = AccountBook(house.engine, house.ring, ttl_s=3600)
    before.all()
    change_settings(public_url=serve(create_app(replace(house, clock=WallClock(), accounts=before))))
    with work(house.engine) as session:
        row = session.get(Account, sound.id)
        row.token_sealed = house.ring.seal("another1", table="account", column="token_sealed", row=row.public_id)
    found, code = look(fanka)
    assert [each["part"] for each in found if each["level"] == "bad"] == [f"account {sound.appid}"]
    assert "refuses our signature: its token differs" in found[0]["en"]
    assert code == 1


def test_a_console_with_another_token_shows_in_what_was_refused(sound, house, fanka, sandbox):
    sandbox.control("accounts", {**_shown(sound), "secret": sound.secret, "token": "consoletoken", "callback_url": _callback(house, sound)})
    sandbox.control("callbacks", {"retry_after_s": []})
    person = sandbox.add_people("Lin")[0]["id"]
    sandbox.act(person, sound, "follow")
    sandbox.idle()
    found, code = look(fanka)
    assert [(each["part"], each["level"]) for each in found] == [(f"account {sound.appid}", "warn")]
    assert "the token differs" in found[0]["en"]
    assert code == 0
    # What was mended two days ago is not spoken of for ever.
    house.redis.hset(last_key(refused_of_key(house.settings.redis_prefix)), f"bad_signature {sound.appid}", int(time.time()) - 2 * 86_400)
    assert look(fanka) == ([], 0)


def test_a_console_with_another_aes_key_shows_in_what_was_refused(sound, house, fanka, sandbox):
    other = {**_shown(sound), "secret": sound.secret, "aes_key": "b" * 42 + "A", "callback_url": _callback(house, sound)}
    sandbox.control("accounts", other)
    sandbox.control("callbacks", {"retry_after_s": []})
    person = sandbox.add_people("Lin")[0]["id"]
    sandbox.act(person, sound, "follow")
    sandbox.idle()
    found, _ = look(fanka)
    assert [each["part"] for each in found] == [f"account {sound.appid}"]
    assert "EncodingAESKey" in found[0]["en"]


@pytest.mark.parametrize("key", ["", "k" * 42, "k" * 44, "k" * 42 + "!"])
def test_a_bad_aes_key(sound, house, fanka, key):
    with work(house.engine) as session:
        row = session.get(Account, sound.id)
        row.aes_key_sealed = house.ring.seal(key, table="account", column="aes_key_sealed", row=row.public_id)
    found, code = look(fanka)
    assert code == 1
    assert any("the EncodingAESKey is bad" in each["en"] for each in found)
    assert "k" * 42 not in json.dumps(found)


def test_an_aes_key_is_needed_only_where_something_is_encrypted(make_account):
    plain = make_account(mode="plain")
    assert aes_fault(replace(plain, aes_key="")) is None
    assert aes_fault(replace(plain, mode="safe", aes_key="")) is not None


def test_keys_that_do_not_open_an_account(sound, house, fanka):
    house.ring = KeyRing((("k1", base64.b64decode(new_key("k1").split(":")[1])),), house.ring.lookup)
    found, code = look(fanka)
    assert [each["part"] for each in found] == [f"account {sound.appid}"]
    assert "do not open" in found[0]["en"]
    assert code == 1


def test_a_callback_address_nobody_answers_at(sound, change_settings, fanka):
    change_settings(public_url="http://127.0.0.1:9")
    found, code = look(fanka)
    assert [each["part"] for each in found] == [f"account {sound.appid}"]
    assert "cannot be reached" in found[0]["en"]
    assert code == 1


def test_a_callback_address_where_something_else_answers(sound, change_settings, serve, fanka):
    def other(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    change_settings(public_url=serve(other))
    found, _ = look(fanka)
    assert "something else answers" in found[0]["en"]


@pytest.mark.parametrize(
    ("status", "words"), [("403 Forbidden", "refuses our signature"), ("404 Not Found", "another database"), ("502 Bad", "502")]
)
def test_a_callback_address_that_refuses(sound, change_settings, serve, fanka, status, words):
    def other(environ, start_response):
        start_response(status, [("Content-Type", "text/plain")])
        return [b""]

    change_settings(public_url=serve(other))
    found, _ = look(fanka)
    assert words in found[0]["en"]


def test_wechat_that_cannot_be_reached(sound, change_settings, fanka):
    change_settings(wechat_api_url="http://127.0.0.1:9")
    found, code = look(fanka)
    assert [each["part"] for each in found] == [f"account {sound.appid}"]
    assert "WeChat cannot be reached" in found[0]["en"]
    assert code == 1


def test_a_schema_that_is_not_up_to_date(sound, house, fanka):
    with work(house.engine) as session:
        now = session.scalar(text("SELECT version_num FROM alembic_version"))
        session.execute(text("UPDATE alembic_version SET version_num = '20261122_1300'"))
    try:
        found, code = look(fanka)
    finally:
        with work(house.engine) as session:
            session.execute(text("UPDATE alembic_version SET version_num = :now"), {"now": now})
    assert [each["part"] for each in found] == ["schema"]
    assert "run `fanka migrate`" in found[0]["en"]
    assert code == 1


def test_a_database_that_is_empty(servers, house, fanka, environment, monkeypatch):
    with servers.empty_database("doctor") as url:
        monkeypatch.setattr(held, "_current", None)
        for name, value in {**environment, "DATABASE_URL": url}.items():
            monkeypatch.setenv(name, value)
        found = run_cli("doctor", as_json=True)
    assert [each["part"] for each in found.json["findings"] if each["level"] == "bad"] == ["schema"]
    assert found.code == 1


def test_a_database_that_is_closed(environment, house, monkeypatch):
    monkeypatch.setattr(held, "_current", None)
    for name, value in {**environment, "DATABASE_URL": "postgresql://fanka@127.0.0.1:9/fanka"}.items():
        monkeypatch.setenv(name, value)
    found = run_cli("doctor", as_json=True)
    bad = [each for each in found.json["findings"] if each["level"] == "bad"]
    assert [each["part"] for each in bad] == ["database"]
    assert "does not answer" in bad[0]["en"]
    assert found.code == 1


def test_settings_that_are_missing(environment, monkeypatch):
    monkeypatch.setattr(held, "_current", None)
    for name in environment:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", environment["DATABASE_URL"])
    answer = run_cli("doctor")
    assert answer.code == 2
    assert answer.out.strip() == "✗ settings: REDIS_URL is not set"


@pytest.fixture
def other_redis(tmp_path_factory, servers: Servers):
    """A Redis of this test's own, started with other options."""
    running = []

    def start(**options):
        place: Place = servers.place.inner(f"doctor{len(running)}-{servers.slot}")
        server = RedisServer(place, options={name.replace("_", "-"): value for name, value in options.items()})
        program = server.program()
        child = launch(program)
        wait_ready(program, child)
        running.append((program, child))
        return server.url()

    yield start
    for program, child in running:
        end(program, child)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"appendfsync": "everysec"}, "does not fsync every write (everysec)"),
        ({"appendonly": "no"}, "does not fsync every write (appendonly no)"),
        ({"maxmemory_policy": "allkeys-lru"}, "evicts when its memory is full (allkeys-lru)"),
    ],
)
def test_a_redis_that_would_lose_events(sound, house, fanka, other_redis, options, words):
    client = open_redis(other_redis(**options), text=False)
    house.inbox = Inbox(client, "t", max_bytes=1 << 20)
    found, code = look(fanka)
    client.close()
    assert [each["part"] for each in found] == ["redis"]
    assert words in found[0]["en"]
    assert code == 1


def test_a_redis_that_is_closed(sound, house, fanka):
    client = open_redis("redis://127.0.0.1:9/0", text=False)
    house.inbox = Inbox(client, "t", max_bytes=1 << 20)
    found, code = look(fanka)
    client.close()
    assert [each["part"] for each in found] == ["redis"]
    assert "does not answer" in found[0]["en"]
    assert code == 1


def test_clocks_that_are_far_apart(sound, sandbox, fanka):
    assert re.search(r"WeChat [+-][0-4]\.\d s", fanka("doctor", env={"FANKA_LANG": "en"}).out)
    sandbox.control("clock", {"advance_s": 400})
    found, code = look(fanka)
    assert [each["part"] for each in found] == ["clock"]
    assert re.search(r"WeChat \+(399|400|401) s", found[0]["en"])
    assert code == 1


class Dated(BaseHTTPRequestHandler):
    """A server whose clock stands still."""

    def do_GET(self):
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def date_time_string(self, timestamp=None):
        return "Sun, 22 Nov 2026 04:00:00 GMT"

    def log_message(self, format, *args):  # noqa: A002 - the base class names it so.
        """Nothing is worth a line."""


def test_the_date_of_wechats_answer_is_read(house, change_settings):
    with HTTPServer(("127.0.0.1", 0), Dated) as server:
        asked = Thread(target=server.handle_request)
        asked.start()
        change_settings(wechat_api_url=f"http://127.0.0.1:{server.server_port}")
        assert clock_check._of_wechat(house) == datetime(2026, 11, 22, 4, 0, tzinfo=UTC).timestamp() + 0.5
        asked.join()
    assert clock_check._of_wechat(house) is None


def test_events_nobody_takes(sound, house, fanka):
    house.inbox.redis.xadd(house.inbox.stream, {"d": b"x"}, id="1000-0")
    found, code = look(fanka)
    assert [each["part"] for each in found] == ["inbox"]
    assert "does an ingest process run" in found[0]["en"]
    assert code == 1


def test_no_account_yet(house, fanka):
    found, code = look(fanka)
    assert [(each["part"], each["level"]) for each in found] == [("accounts", "warn")]
    assert code == 0


def _callback(house, account):
    return f"{house.settings.public_url}/wechat/{account.appid}"
