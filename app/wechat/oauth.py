"""Web authorisation (snsapi_base): where to send a browser, and who it is that came back with a code."""

from dataclasses import dataclass
from urllib.parse import urlencode

from app.core.accounts import OpenAccount
from app.core.house import House
from app.wechat.answers import text
from app.wechat.transport import ApiClient

# WeChat's own pages live on another host than its API; a sandbox plays both.
_API, _PAGES = "https://api.weixin.qq.com", "https://open.weixin.qq.com"
LONGEST_CODE = 512


@dataclass(frozen=True, slots=True)
class WebPerson:
    """Who opened a page, as one account knows him."""

    openid: str
    unionid: str


def authorise_address(house: House, account: OpenAccount, *, back: str, state: str) -> str:
    """The address that sends the browser to `back` with `code` and `state`, without asking the person anything.

    `state` has at most 128 letters and digits (WeChat's rule). The order of the parameters is the one WeChat insists on.
    """
    query = {"appid": account.appid, "redirect_uri": back, "response_type": "code", "scope": "snsapi_base", "state": state}
    return f"{pages_of(house)}/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"


def pages_of(house: House) -> str:
    """Where the pages of WeChat are that a browser is sent to."""
    return _PAGES if house.settings.wechat_api_url == _API else house.settings.wechat_api_url


def exchange_code(house: House, account: OpenAccount, code: str) -> WebPerson:
    """Turn the code into the person's openid. Raises app.wechat.errors: 40029 unknown or old, 40163 used."""
    client = ApiClient(account, house.settings.wechat_api_url)
    try:
        params = {"appid": account.appid, "secret": account.secret, "code": code[:LONGEST_CODE], "grant_type": "authorization_code"}
        answer = client.open_get("sns/oauth2/access_token", params)
    finally:
        client.close()
    return WebPerson(text(answer, "openid", appid=account.appid), str(answer.get("unionid") or ""))
