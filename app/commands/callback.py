"""The callback address as WeChat sees it: sends itself the signed echo that WeChat's console sends."""

import hashlib
import http.client
import secrets
import time
from dataclasses import dataclass
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from app.core.accounts import OpenAccount
from app.core.settings import Settings

_TIMEOUT_S = 5
_MOST = 4096


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back. `fault` is None when the address answered as WeChat wants."""

    status: int
    fault: str | None


def callback_url(settings: Settings, appid: str) -> str:
    """The address to enter in WeChat's console."""
    return f"{settings.public_url}/wechat/{appid}"


def knock(settings: Settings, account: OpenAccount) -> Heard:
    """Ask the callback address for its echo, through the public address, signed with the account's token."""
    url = callback_url(settings, account.appid)
    if urlsplit(url).scheme not in {"http", "https"}:
        return Heard(0, f"{url} 不是网址 / {url} is no web address")
    timestamp, nonce, echo = str(int(time.time())), str(secrets.randbelow(10**9)), secrets.token_hex(8)
    # WeChat itself signs with SHA-1 over the sorted parts.
    signature = hashlib.sha1("".join(sorted((account.token, timestamp, nonce))).encode()).hexdigest()  # noqa: S324
    query = urlencode({"signature": signature, "timestamp": timestamp, "nonce": nonce, "echostr": echo})
    request = Request(f"{url}?{query}")  # noqa: S310 - the scheme was checked above.
    local = urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}
    opener = build_opener(*([ProxyHandler({})] if local else []))
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            status, body = answer.status, answer.read(_MOST)
    except HTTPError as error:
        with error:
            return Heard(error.code, _status_fault(error.code, url))
    except (URLError, OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return Heard(0, f"回调地址 {url} 连不上 ({reason}) / the callback address {url} cannot be reached: {reason}")
    if body != echo.encode():
        return Heard(status, f"{url} 由别的程序应答 / something else answers at {url}")
    return Heard(status, None)


def _status_fault(status: int, url: str) -> str:
    if status == http.client.FORBIDDEN:
        return (
            f"{url} 拒绝了我们的签名: 那里的 token 不同, 或两台机器的时钟相差太大 / "
            f"{url} refuses our signature: its token differs, or the two clocks are far apart"
        )
    if status == http.client.NOT_FOUND:
        return f"{url} 不认识此账号: 那里是另一个数据库 / {url} does not know this account: it serves another database"
    return f"{url} 返回 {status} / {url} answers {status}"
