"""The house a command works in: the one of this process, the one the environment names, or the embedded one of this checkout."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from app.core import house as held
from app.core.accounts import OpenAccount
from app.core.errors import NotFoundError, SettingError, UnavailableError
from app.core.house import House
from app.core.settings import Settings, read_settings
from app.local.home import Home

_NAMES = ("DATABASE_URL", "REDIS_URL")


def names_servers() -> bool:
    """Whether the environment says where the servers are."""
    return any(os.environ.get(name) for name in _NAMES)


def find_settings() -> Settings:
    """Settings from the environment; when it names no server, those of this checkout's embedded house.

    Raises SettingError; also when the embedded house does not run.
    """
    if names_servers():
        return read_settings()
    home = Home()
    for server in (home.postgres, home.redis):
        if server is not None and not server.answers():
            raise SettingError(
                "没有设置 DATABASE_URL 和 REDIS_URL, 本目录也没有正在运行的粉卡; 先运行 fanka up / "
                "neither DATABASE_URL nor REDIS_URL is set and no embedded house runs here; run `fanka up` first"
            )
    return read_settings(home.environment())


@contextmanager
def opened(*, pool_size: int = 2) -> Iterator[House]:
    """A house for one command, closed afterwards. Raises SettingError."""
    try:
        house = held.current()
    except UnavailableError:
        pass
    else:
        yield house
        return
    from app.factory import build_house

    house = build_house(find_settings(), pool_size=pool_size)
    held.enter(house)
    try:
        yield house
    finally:
        held.leave()
        house.engine.dispose()
        if house.replica is not house.engine:
            house.replica.dispose()
        house.redis.close()
        house.inbox.redis.close()


def account_called(house: House, appid: str) -> OpenAccount:
    """An account by its AppID. Raises NotFoundError."""
    house.accounts.forget()
    account = house.accounts.by_appid(appid)
    if account is None:
        raise NotFoundError(f"没有账号 {appid} / there is no account {appid}", code="no_account")
    return account
