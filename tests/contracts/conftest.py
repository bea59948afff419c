"""One play on two stages: every contract test runs over the sandbox and over the twin."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from app.core.accounts import OpenAccount
from app.core.clock import SetClock
from app.core.kv import open_redis
from app.core.nouns import AccountKind
from app.core.secrets import KeyRing
from app.wechat.gateway import Gateway
from app.wechat.twin import Twin
from tests.contracts.stages import SandboxStage, Stage, TwinStage, account_of, keeper_over


@pytest.fixture(params=["sandbox", "twin"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param == "twin":
        yield TwinStage(Twin(SetClock(datetime(2026, 11, 22, 4, 0, tzinfo=UTC))))
        return
    redis = open_redis(request.getfixturevalue("redis_url"))
    redis.flushdb()
    ring = KeyRing((("k1", bytes(range(32))),), (("l1", bytes(range(32, 64))),))
    sandbox = request.getfixturevalue("sandbox")
    made = SandboxStage(sandbox, keeper_over(sandbox, redis, ring))
    yield made
    made.close()
    redis.close()


Join = Callable[[AccountKind], OpenAccount]


@pytest.fixture
def service(stage: Stage) -> OpenAccount:
    """Mei's service account."""
    return stage.join(account_of(AccountKind.SERVICE))


@pytest.fixture
def mini(stage: Stage) -> OpenAccount:
    """Mei's mini program, in the same group."""
    return stage.join(account_of(AccountKind.MINI))


@pytest.fixture
def subscription(stage: Stage) -> OpenAccount:
    return stage.join(account_of(AccountKind.SUBSCRIPTION))


@pytest.fixture
def shop(stage: Stage, service: OpenAccount) -> Gateway:
    """The gateway of the service account."""
    return stage.gateway(service)
