"""A whole house of its own under one supervisor, with a platform that writes down everything: what the fault tests kill."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import psycopg
from alembic import command
from redis import Redis

from app.core.accounts import OpenAccount
from app.core.house import House
from app.core.nouns import Mode
from app.core.secrets import new_key
from app.core.settings import Settings, read_settings
from app.factory import build_house
from app.local.place import CHECKOUT, Place
from app.local.postgres import Postgres
from app.local.program import Program
from app.local.programs import web_program
from app.local.redis import RedisServer
from app.local.supervisor import Supervisor
from tests.support.accounts import make_account
from tests.support.sandbox import Sandbox, free_port
from tests.support.servers import alembic_config

LEASE_S = 6.0
TEMPLATE_ID, TEMPLATE = "tpl-faults", "{{thing1.DATA}}"


@dataclass
class Realm:
    """Servers, processes and platform of one run. `held` keeps PostgreSQL away while it is cleared."""

    env: dict[str, str]
    house: House
    supervisor: Supervisor
    sandbox: Sandbox
    redis: Redis
    log: Path
    here: Event = field(default_factory=Event)
    began: float = field(default_factory=time.monotonic)

    @property
    def settings(self) -> Settings:
        return self.house.settings

    def one(self, query: str, *values: Any) -> Any:
        """The first value of a query, on a connection of its own."""
        return self.rows(query, *values)[0][0]

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.env["DATABASE_URL"], autocommit=True, connect_timeout=2) as connection:
            return connection.execute(query, values or None).fetchall()

    def pid(self, name: str) -> int:
        """The process of a child, waited for while it is being started again."""
        return wait_for(lambda: self.supervisor.pid(name), what=f"{name} to run")

    def web_workers(self) -> list[int]:
        """The processes behind the web server that answer requests, without helpers that hold no socket."""
        children = psutil.Process(self.pid("web")).children()
        return [child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE]

    def say(self, line: str) -> None:
        """A line for the common log and for whoever reads the test's output, with the seconds since the beginning."""
        timed = f"{time.monotonic() - self.began:6.1f} {line}"
        self.supervisor.say("test", timed)
        print(timed)

    def add_account(self, *, trusted: bool, per_second: int) -> OpenAccount:
        account = make_account(self.house, name="粉卡旗舰店", mode=Mode.SAFE, client_msg_id_trusted=trusted, per_second=per_second)
        self.sandbox.add_account(account, callback_url=f"{self.settings.public_url}/wechat/{account.appid}")
        self.sandbox.control("templates", {"appid": account.appid, "template_id": TEMPLATE_ID, "title": "积分", "content": TEMPLATE})
        return account


def wait_for(found: Callable[[], Any], *, what: str, within_s: float = 60.0, every_s: float = 0.02) -> Any:
    """The first true value of `found`; whatever it raises counts as not yet. Fails the test after `within_s`."""
    until = time.monotonic() + within_s
    trouble: Exception | None = None
    while time.monotonic() < until:
        try:
            value = found()
        except Exception as error:  # noqa: BLE001 - while servers are being killed, any of them may be the one that is asked.
            trouble, value = error, None
        if value:
            return value
        time.sleep(every_s)
    raise AssertionError(f"waited {within_s:.0f} s in vain for {what}") from trouble


@contextmanager
def stopped(pids: Sequence[int]) -> Iterator[None]:
    """Hold processes still; those that live on go on afterwards."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                continue


@contextmanager
def realm(place: Place, folder: Path, *, lease_s: float = LEASE_S) -> Iterator[Realm]:
    """Everything `fanka up` runs, twice where two are possible, over servers of its own that write to disk before they answer."""
    folder.mkdir(parents=True, exist_ok=True)
    postgres, redis = Postgres(place), RedisServer(place)
    here = Event()
    here.set()
    sandbox = Sandbox(folder / "truth.log", seed=int(time.time()) & 0xFFFF)
    port = free_port()
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FANKA_")},
        "FANKA_KEYS": new_key("k1"),
        "FANKA_LOOKUP_KEYS": new_key("l1"),
        "FANKA_WECHAT_API_URL": sandbox.url,
        "FANKA_WEB_PORT": str(port),
        "FANKA_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "FANKA_REDIS_PREFIX": "faults",
        "FANKA_LOG_LEVEL": "INFO",
        "DATABASE_URL": postgres.url(),
        "REDIS_URL": redis.url(),
    }
    log = folder / "house.log"
    with ExitStack() as stack:
        out = stack.enter_context(log.open("w"))
        supervisor = stack.enter_context(Supervisor(out=out, notes=folder / "children.json"))
        # Whatever happens, PostgreSQL is let back before the supervisor stops it.
        stack.callback(here.set)
        supervisor.start(_held_back(postgres.program(), here))
        supervisor.start(redis.program())
        postgres.ensure_database()
        command.upgrade(alembic_config(postgres.url().replace("postgresql://", "postgresql+psycopg://", 1)), "head")
        sandbox.start()
        stack.callback(sandbox.stop)
        house = build_house(read_settings(env), pool_size=4)
        stack.callback(_let_go, house)
        client = Redis.from_url(redis.url())
        stack.callback(client.close)
        for program in _programs(env, lease_s=lease_s):
            supervisor.start(program)
        yield Realm(env, house, supervisor, sandbox, client, log, here)


def _held_back(program: Program, here: Event) -> Program:
    def prepare() -> None:
        here.wait()
        program.prepare()

    return replace(program, prepare=prepare)


def _programs(env: Mapping[str, str], *, lease_s: float) -> Iterator[Program]:
    for number in (1, 2):
        yield _child(f"ingest-{number}", env, "app.worker", "ingest", "--number", str(number))
    yield _child("urgent", env, "app.worker", "urgent")
    for number in (1, 2):
        yield _child(f"send-{number}", env, "tests.faults.quick", str(lease_s), "send")
    yield _child("cron", env, "app.worker", "cron")
    yield web_program(read_settings(env), env)


def _child(name: str, env: Mapping[str, str], module: str, *argv: str) -> Program:
    return Program(name=name, argv=(sys.executable, "-m", module, *argv), cwd=CHECKOUT, env=env, stop_within_s=10.0)


def _let_go(house: House) -> None:
    house.engine.dispose()
    for client in (house.redis, house.inbox.redis, house.queues.queue("default").connection):
        client.close()
