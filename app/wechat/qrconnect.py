"""Log-in with WeChat on a PC (网站应用 `qrconnect`): where the code to scan is shown, and who it was that scanned and agreed.

A website application is registered at the Open Platform with a domain of its own; it asks with scope `snsapi_login`, WeChat shows the
application's name, the person agrees on his phone, and the browser comes back with `code` and `state`. Its openids are no follower's.
"""

from urllib.parse import urlencode
from uuid import UUID

from app.core.accounts import OpenAccount
from app.core.errors import UnavailableError
from app.core.house import House
from app.core.nouns import AccountKind, Mode, Retention
from app.wechat.oauth import WebPerson, exchange_code, pages_of


def scan_address(house: House, *, back: str, state: str) -> str:
    """The address of WeChat's page with the code to scan. Raises UnavailableError where no website application is set."""
    settings = house.settings
    if not settings.login_appid:
        raise UnavailableError("还没有开通微信扫码登录，请用密码登录 / log-in by WeChat is not set up; use your password", code="no_scan")
    query = {"appid": settings.login_appid, "redirect_uri": back, "response_type": "code", "scope": "snsapi_login", "state": state}
    return f"{pages_of(house)}/connect/qrconnect?{urlencode(query)}#wechat_redirect"


def exchange_scan(house: House, code: str) -> WebPerson:
    """Turn the code into the person's openid at the website application. Raises app.wechat.errors: 40029 unknown or old, 40163 used."""
    return exchange_code(house, _application(house), code)


def _application(house: House) -> OpenAccount:
    """The website application as the one call needs it: appid and secret; it has no webhook, no followers and no quota of ours."""
    return OpenAccount(
        id=0,
        public_id=UUID(int=0),
        appid=house.settings.login_appid,
        name="website",
        kind=AccountKind.SERVICE,
        mode=Mode.PLAIN,
        retention=Retention.ERASE,
        client_msg_id_trusted=False,
        priority=0,
        per_second=1,
        per_minute=1,
        per_day=1,
        secret=house.settings.login_secret,
        token="",
        aes_key="",
    )
