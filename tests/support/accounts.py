"""Accounts for tests: every call makes another one, with secrets of the shape WeChat gives."""

import itertools
from typing import Any

from sqlalchemy import update

from app.core.accounts import OpenAccount, add_account, open_account
from app.core.house import House
from app.core.nouns import Account, AccountKind, Mode, Retention
from app.core.unit import work

_numbers = itertools.count(1)


def make_account(
    house: House,
    *,
    name: str = "粉卡旗舰店",
    kind: str = "service",
    mode: str = "safe",
    retention: str = "erase",
    appid: str | None = None,
    **columns: Any,
) -> OpenAccount:
    """Add an account to the house's database; further keywords set columns such as `priority`, `per_second` or `client_msg_id_trusted`."""
    number = next(_numbers)
    with work(house.engine) as session:
        row = add_account(
            session,
            ring=house.ring,
            now=house.clock.now(),
            appid=appid or f"wx{number:016x}",
            name=name,
            kind=AccountKind(kind),
            mode=Mode(mode),
            secret=f"{number:032x}",
            token=f"token{number}",
            aes_key=f"Key{number}".ljust(42, "a") + "A",
            retention=Retention(retention),
        )
        if columns:
            session.execute(update(Account).where(Account.id == row.id).values(**columns))
            session.refresh(row)
        account = open_account(row, ring=house.ring)
    house.accounts.forget()
    return account
