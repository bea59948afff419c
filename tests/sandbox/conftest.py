"""Fixtures of the sandbox's own tests; none of them needs a database."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox.driver import Shop, Wechat


@pytest.fixture(scope="session")
def shared_wechat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wechat]:
    """The platform all tests of this worker share."""
    running = Wechat(tmp_path_factory.mktemp("wechat") / "truth.log").start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def platform(shared_wechat: Wechat) -> Wechat:
    """The shared platform, reset, knowing one service account wxA without callbacks."""
    shared_wechat.control("reset", {})
    shared_wechat.tokens.clear()
    shared_wechat.account()
    return shared_wechat


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Wechat]]:
    """Start a platform of the test's own, to be killed and started again."""
    started: list[Wechat] = []

    def start(name: str = "truth.log", seed: int = 7) -> Wechat:
        running = Wechat(tmp_path / name, seed).start()
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def shop() -> Iterator[Shop]:
    """The account's own server."""
    running = Shop()
    yield running
    running.close()
