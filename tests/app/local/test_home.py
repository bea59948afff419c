"""A checkout's home: what was given is used, what was not is embedded, and only one process owns it."""

import stat
import threading
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from app.core.errors import ConflictError
from app.core.secrets import read_ring
from app.core.settings import read_settings
from app.local.home import Home
from app.local.program import end, launch

GIVEN = {"DATABASE_URL": "postgresql://db/fanka", "REDIS_URL": "redis://cache/0", "FANKA_KEYS": "k1:x", "FANKA_LOOKUP_KEYS": "l1:x"}


def home_in(place, **more: str) -> Home:
    return Home({"FANKA_STATE_DIR": str(place.root), "PATH": "/usr/bin:/bin", **more})


def test_servers_and_keys_that_were_given_are_used(own_place):
    home = home_in(own_place, **GIVEN)
    assert home.servers() == []
    found = home.environment()
    assert {name: found[name] for name in GIVEN} == GIVEN
    assert "FANKA_KEYS_FILE" not in found
    assert not (own_place.root / "keys.json").exists()


def test_only_what_was_not_given_is_embedded(own_place):
    home = home_in(own_place, REDIS_URL="redis://cache/0")
    assert [program.name for program in home.servers()] == ["postgres"]
    assert home.environment()["REDIS_URL"] == "redis://cache/0"


def test_keys_are_made_once_and_only_their_owner_reads_them(own_place):
    first = home_in(own_place).environment()
    keys = Path(first["FANKA_KEYS_FILE"])
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    written = keys.read_text()
    assert home_in(own_place).environment() == first
    assert keys.read_text() == written
    assert read_ring(read_settings(first)).sealing[0][0] == "k1"


def test_a_command_starts_what_does_not_run_and_uses_what_does(own_place):
    with home_in(own_place).reached() as env:
        with psycopg.connect(env["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("fanka",)
        with Redis.from_url(env["REDIS_URL"]) as client:
            client.set("kept", "1")
        with home_in(own_place).reached() as inner:
            assert inner == env
        # The inner command found them running and left them so.
        assert home_in(own_place).redis.answers()
    assert not home_in(own_place).redis.answers()
    assert not home_in(own_place).postgres.answers()
    with home_in(own_place).reached() as env, Redis.from_url(env["REDIS_URL"], decode_responses=True) as client:
        assert client.get("kept") == "1"


def test_a_second_owner_is_refused_with_the_number_of_the_first(own_place):
    with ExitStack() as first:
        first.enter_context(home_in(own_place).owned())
        with pytest.raises(ConflictError, match=r"already runs, under process [0-9]+"), home_in(own_place).owned():
            pytest.fail("two owners at once")
    with home_in(own_place).owned():
        pass


def test_a_command_waits_for_servers_that_another_process_is_starting(own_place, monkeypatch):
    home = home_in(own_place, DATABASE_URL=GIVEN["DATABASE_URL"])
    program = home.redis.program()
    with home.owned():
        with monkeypatch.context() as hurry:
            hurry.setattr("app.local.home._OTHER_STARTS_WITHIN_S", 0.1)
            with pytest.raises(ConflictError), home_in(own_place, DATABASE_URL=GIVEN["DATABASE_URL"]).reached():
                pytest.fail("nobody started Redis")
        children = []
        later = threading.Timer(0.5, lambda: children.append(launch(program)))
        later.start()
        with home_in(own_place, DATABASE_URL=GIVEN["DATABASE_URL"]).reached() as env, Redis.from_url(env["REDIS_URL"]) as client:
            assert client.ping()
        later.join()
        assert children[0].poll() is None
        assert end(program, children[0]) == 0
