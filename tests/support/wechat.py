"""Accounts as the gateway sees them, with no row behind them."""

import string
from uuid import uuid4

from app.core.accounts import OpenAccount
from app.core.nouns import AccountKind, Mode, Retention

AES_KEY = (string.ascii_letters + string.digits)[:42] + "A"


def opened(mode: Mode = Mode.SAFE, kind: AccountKind = AccountKind.SERVICE, **more: object) -> OpenAccount:
    """An account whose secrets are known; further keywords set its other fields."""
    values: dict[str, object] = {
        "id": 1,
        "public_id": uuid4(),
        "appid": "wx0123456789abcdef",
        "name": "Mei's shop",
        "kind": kind,
        "mode": mode,
        "retention": Retention.ERASE,
        "client_msg_id_trusted": False,
        "priority": 100,
        "per_second": 400,
        "per_minute": 20_000,
        "per_day": 100_000,
        "secret": "s" * 32,
        "token": "meitoken",
        "aes_key": AES_KEY,
    }
    return OpenAccount(**{**values, **more})  # type: ignore[arg-type]
