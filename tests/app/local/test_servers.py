"""Both embedded servers, from the machine and from the wheels: started, killed, taken over, stopped, and nothing acknowledged is lost."""

import os
import signal
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from redis import Redis

from app.local.place import Place
from app.local.postgres import Postgres
from app.local.program import end, launch, servers_in, wait_ready
from app.local.redis import RedisServer

HIDDEN: dict[str, Any] = {"folders": ()}
MACHINE: dict[str, Any] = {}


def write_postgres(server: Postgres, value: str) -> None:
    with psycopg.connect(server.ensure_database(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def read_postgres(server: Postgres) -> list[str]:
    with psycopg.connect(server.url()) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM kept ORDER BY value").fetchall()]


def write_redis(server: RedisServer, value: str) -> None:
    with Redis.from_url(server.url()) as client:
        client.rpush("kept", value)


def read_redis(server: RedisServer) -> list[str]:
    with Redis.from_url(server.url(), decode_responses=True) as client:
        return sorted(client.lrange("kept", 0, -1))


def make_postgres(place: Place, **ways: Any) -> Postgres:
    return Postgres(place, **ways)


def make_redis(place: Place, **ways: Any) -> RedisServer:
    return RedisServer(place, **ways)


@pytest.mark.parametrize("ways", [MACHINE, HIDDEN], ids=["machine", "wheel"])
@pytest.mark.parametrize(
    ("make", "write", "read"),
    [(make_postgres, write_postgres, read_postgres), (make_redis, write_redis, read_redis)],
    ids=["postgres", "redis"],
)
def test_what_a_server_acknowledged_outlives_kills_and_restarts(
    own_place: Place, ways: dict[str, Any], make: Callable[..., Any], write: Callable[..., None], read: Callable[..., list[str]]
):
    server = make(own_place, **ways)
    program = server.program()
    first = launch(program)
    wait_ready(program, first)
    write(server, "before the kill")
    first.send_signal(signal.SIGKILL)
    first.wait()

    second = launch(program)
    wait_ready(program, second)
    write(server, "after the kill")

    # The third start finds the second still running, as after a supervisor's death, and takes its place.
    third = launch(make(own_place, **ways).program())
    wait_ready(program, third)
    assert second.wait() == 0
    assert read(server) == ["after the kill", "before the kill"]
    owners = {process.uids().real for process in servers_in(server.data)}
    assert owners == {own_place.runs_as.uid if own_place.runs_as is not None else os.getuid()}

    assert end(program, third) == 0
    assert servers_in(server.data) == []
    assert not server.answers()


def test_embedded_servers_are_as_strict_as_production_needs(own_place):
    postgres, redis = Postgres(own_place), RedisServer(own_place)
    running = [(program, launch(program)) for program in (postgres.program(), redis.program())]
    for program, child in running:
        wait_ready(program, child)
    with psycopg.connect(postgres.ensure_database()) as connection:
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()[0]
            for name in ("fsync", "synchronous_commit", "listen_addresses", "timezone")
        }
    assert shown == {"fsync": "on", "synchronous_commit": "on", "listen_addresses": "", "timezone": "UTC"}
    with Redis.from_url(redis.url(), decode_responses=True) as client:
        assert client.config_get("appendfsync", "maxmemory-policy", "port") == {
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            "port": "0",
        }
    for program, child in reversed(running):
        assert end(program, child) == 0


def test_two_places_run_side_by_side(own_place):
    first, second = RedisServer(own_place.inner("one")), RedisServer(own_place.inner("two"))
    running = [(program, launch(program)) for program in (first.program(), second.program())]
    for program, child in running:
        wait_ready(program, child)
    write_redis(first, "one")
    write_redis(second, "two")
    assert (read_redis(first), read_redis(second)) == (["one"], ["two"])
    # Ending one must leave the other alone.
    first.end_stale()
    assert running[0][1].wait() == 0
    assert second.answers()
    assert end(*running[1]) == 0


def test_what_a_killed_initdb_left_is_made_away_with(own_place):
    left = own_place.folder("postgres.new")
    (left / "base").mkdir()
    (left / "base" / "half").write_text("half a file")
    own_place.give(left / "base")
    server = Postgres(own_place)
    server.prepare()
    assert (server.data / "PG_VERSION").is_file()
    assert not left.exists()
