"""`fanka up`, whole: from an empty folder to a house that answers, heals itself and leaves nothing behind."""

import io
import os
import signal
import time

import psutil
import pytest
import requests
from alembic import command
from redis import Redis

from app.core.errors import ConflictError
from app.local.home import Home
from app.local.place import CHECKOUT
from app.local.port import claimed
from app.local.program import servers_in
from app.local.up import house_up
from tests.support.sandbox import free_port
from tests.support.servers import alembic_config

NAMES = ["postgres", "redis", "ingest", "urgent", "send", "cron", "web"]


def migrate(env) -> None:
    command.upgrade(alembic_config(env["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)), "head")


def until(what, within_s: float = 60.0):
    """Wait for another process; the limit only ends a test that has already failed."""
    end = time.monotonic() + within_s
    while not (found := what()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)
    return found


@pytest.mark.faults
def test_a_house_comes_up_heals_and_goes_down(own_place):
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "FANKA_STATE_DIR": str(own_place.root),
        "FANKA_WEB_PORT": str(port),
        "FANKA_WECHAT_API_URL": "http://127.0.0.1:9",
    }
    home, out = Home(environment), io.StringIO()
    with house_up(home, out=out, migrate=migrate) as (supervisor, env):
        assert supervisor.names() == NAMES
        unknown = f"http://127.0.0.1:{port}/wechat/wx0000000000000000"
        assert requests.get(unknown, timeout=10).status_code == 404

        with pytest.raises(ConflictError, match=f"already runs, under process {os.getpid()}"), Home(environment).owned():
            pytest.fail("two houses in one checkout")
        with pytest.raises(ConflictError, match=f"port {port} is taken"), claimed("127.0.0.1", port):
            pytest.fail("two houses on one port")

        first = {name: supervisor.pid(name) for name in NAMES}
        for name in NAMES:
            os.kill(first[name], signal.SIGKILL)
        until(lambda: all(supervisor.pid(name) not in {None, first[name]} for name in NAMES))
        with Redis.from_url(env["REDIS_URL"]) as client:
            until(home.redis.answers)
            client.ping()
        until(home.postgres.answers)

        def answers() -> bool:
            try:
                return requests.get(unknown, timeout=10).status_code == 404
            except requests.ConnectionError:
                return False

        until(answers)
        last = {pid for name in NAMES if (pid := supervisor.pid(name))}
    assert not any(psutil.pid_exists(pid) for pid in last)
    assert servers_in(home.postgres.data) == servers_in(home.redis.data) == []
    assert [process.pid for process in psutil.process_iter() if _runs_here(process, env["DATABASE_URL"])] == []
    assert "web      |" in out.getvalue()
    assert "up       | web ended with status -9" in out.getvalue()


def _runs_here(process: psutil.Process, url: str) -> bool:
    try:
        return process.cwd() == str(CHECKOUT) and process.environ().get("DATABASE_URL") == url
    except (psutil.Error, OSError):
        return False
