"""The house a command works in: the one of this process, the one the environment names, or the embedded one of this checkout."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from app.core import house as held
from app.core.accounts import OpenAccount
from app.core.errors import NotFoundError, UnavailableError
from app.core.house import House
from app.core.settings import Settings, read_settings
from app.local.home import Home


@contextmanager
def found_settings() -> Iterator[Settings]:
    """Settings from the environment; where it names no server, those of this checkout's embedded house.

    Embedded servers that do not run are started for as long as the block lasts, but only when neither is named: half a setting is a mistake,
    unless `fanka up` runs with the same half. Raises SettingError, and what `Home.reached` raises.
    """
    named = [name for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)]
    if len(named) == 2:
        yield read_settings()
        return
    home = Home()
    if named and not all(server.answers() for server in (home.postgres, home.redis) if server is not None):
        yield read_settings()
        return
    with home.reached() as environment:
        yield read_settings(environment)


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

    with found_settings() as settings:
        house = build_house(settings, pool_size=pool_size)
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
