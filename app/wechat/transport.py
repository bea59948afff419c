"""One HTTP call to WeChat through wechatpy's client: our token, our time limits, one repeat, and only our errors."""

import logging
import time
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson
import requests
import urllib3
from requests.adapters import HTTPAdapter
from wechatpy.client import WeChatClient
from wechatpy.exceptions import WeChatClientException

from app.core.accounts import OpenAccount
from app.core.log import get_logger
from app.wechat.errors import TOKEN_CODES, BadPayload, Throttled, Unanswered, Unreached, WeChatError, error_of

CONNECT_S = 5.0
READ_S = 10.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024

log = get_logger(__name__)
# Its lines carry addresses, and those carry the token and the openid.
logging.getLogger("urllib3.connectionpool").setLevel(logging.CRITICAL)


class Tokens(Protocol):
    """Where the access token of an account comes from."""

    def token(self, account: OpenAccount) -> str:
        """A token that should work now. Raises WeChatError."""
        ...

    def drop(self, account: OpenAccount, token: str) -> None:
        """Forget a token that WeChat refused, if it is still the one in use."""
        ...


class _BoundedSession(requests.Session):
    """Follows no redirect, keeps no cookie, and reads an answer within a limit of bytes and of time."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=16, max_retries=0)
        self.mount("http://", adapter)
        self.mount("https://", adapter)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # A proxy of the environment serves the way to WeChat, never the way to a sandbox on this machine.
        self.trust_env = urlsplit(base_url).hostname not in {"127.0.0.1", "::1", "localhost"}

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        answer = super().request(*args, **{**kwargs, "stream": True, "allow_redirects": False})
        until = time.monotonic() + READ_S
        body = bytearray()
        with answer:
            for chunk in answer.iter_content(64 * 1024):
                body += chunk
                if len(body) > MAX_ANSWER_BYTES or time.monotonic() > until:
                    raise requests.ReadTimeout("the answer is too long")
        answer._content = bytes(body)  # noqa: SLF001 - requests has no other way to say what was read.
        return answer


class ApiClient(WeChatClient):  # type: ignore[misc]  # wechatpy is untyped.
    """wechatpy's endpoints for one account. Every call ends in `_request`, which is ours from token to error.

    wechatpy's own way repeats without end on a constant 40001, reads tokens without a lock and lets requests' errors out.
    """

    def __init__(self, account: OpenAccount, base_url: str, tokens: Tokens | None = None) -> None:
        super().__init__(account.appid, account.secret, timeout=(CONNECT_S, READ_S), auto_retry=False)
        self._http: requests.Session = _BoundedSession(base_url)
        self._root = f"{base_url}/"
        self.API_BASE_URL = f"{base_url}/cgi-bin/"
        self.account = account
        self.tokens = tokens

    @property
    def access_token(self) -> str:
        """The token of calls that wechatpy builds around it."""
        # AttributeError while wechatpy's constructor looks for endpoints, before there is an account.
        return self.tokens.token(self.account) if self.tokens is not None else ""

    def close(self) -> None:
        self._http.close()

    def open_post(self, path: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """A call that proves itself with appid and secret in its body, from the root of the API."""
        return self._answer("post", self._root + path, {}, {"data": _body(data, self.appid)})

    def open_get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """The same by GET."""
        return self._answer("get", self._root + path, dict(params), {})

    def raw(
        self, method: str, path: str, *, payload: Mapping[str, Any] | None = None, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Any call by its path from the root of the API (`/card/create`), with a token."""
        more: dict[str, Any] = {} if payload is None else {"data": dict(payload)}
        answer: dict[str, Any] = self._request(method, self._root + path.lstrip("/"), params=dict(params or {}), **more)
        if not isinstance(answer, dict):
            raise Unanswered("the answer is not a JSON object", self.appid)
        return answer

    def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        if "api_base_url" in kwargs:
            kwargs["api_base_url"] = self._root
        if isinstance(kwargs.get("data"), dict):
            kwargs["data"] = _body(kwargs["data"], self.appid)
        params = dict(kwargs.pop("params", None) or {})
        if self.tokens is None:
            return self._once(method, url_or_endpoint, params, kwargs)
        token = self.tokens.token(self.account)
        try:
            return self._once(method, url_or_endpoint, {**params, "access_token": token}, kwargs)
        except WeChatError as error:
            if error.code not in TOKEN_CODES:
                raise
        self.tokens.drop(self.account, token)
        return self._once(method, url_or_endpoint, {**params, "access_token": self.tokens.token(self.account)}, kwargs)

    def _answer(self, method: str, url: str, params: dict[str, str], kwargs: dict[str, Any]) -> dict[str, Any]:
        answer = self._once(method, url, {**params, "access_token": None}, kwargs)
        if not isinstance(answer, dict):
            raise Unanswered("the answer is not a JSON object", self.appid)
        return answer

    def _once(self, method: str, url: str, params: dict[str, Any], kwargs: dict[str, Any]) -> Any:
        """One request; `access_token: None` sends none. Raises only WeChatError."""
        try:
            answer = super()._request(method, url, params=params, **kwargs)
            if isinstance(answer, requests.Response):
                raise Unanswered("the answer is not JSON", self.appid)
        except WeChatError as error:
            failure = error
        except WeChatClientException as error:
            failure = _refusal(error, self.appid)
        except requests.RequestException as error:
            failure = _lost(error, self.appid)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
            # The request was made before wechatpy read its answer: what it did stays unknown.
            failure = Unanswered(f"the answer cannot be read ({type(error).__name__})", self.appid)
        else:
            return answer
        path = urlsplit(url).path if "://" in url else f"/cgi-bin/{url}"
        log.warning("wechat_refused", path=path, errcode=failure.code, reason=failure.reason, rid=failure.rid, appid=self.appid)
        # Without the exception below it: that one carries the address with its token.
        raise failure from None


def status_error(status: int, appid: str) -> WeChatError:
    """The error for an HTTP status that is not WeChat's 200 and comes without an errcode."""
    if status == 429:
        return Throttled(status, "HTTP 429", "", appid, scope="second")
    if 400 <= status < 500:
        return BadPayload(status, f"HTTP {status}", "", appid)
    # A gateway in between may have passed the call on before it failed.
    return Unanswered(f"HTTP {status}", appid)


def _body(data: Mapping[str, Any], appid: str) -> bytes:
    try:
        return orjson.dumps(data)
    except TypeError as error:
        raise BadPayload(47001, f"the payload is not JSON: {error}", "", appid) from None


def _refusal(error: WeChatClientException, appid: str) -> WeChatError:
    response = error.response
    if response is None:
        return Unanswered("no answer", appid)
    try:
        told = orjson.loads(response.content)
        refusal = error_of(int(told["errcode"]), str(told.get("errmsg", "")), appid)
    except (ValueError, TypeError, KeyError, AttributeError):
        return status_error(response.status_code, appid)
    refusal.answer = told
    return refusal


def _lost(error: requests.RequestException, appid: str) -> WeChatError:
    """Whether a request that got no answer had left the machine."""
    name = type(error).__name__
    if isinstance(error, requests.ReadTimeout | requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return Unanswered(f"no answer in time ({name})", appid)
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError | requests.ConnectTimeout):
        return Unreached(f"no way to WeChat ({name})", appid)
    if isinstance(error, requests.ConnectionError):
        reason = getattr(error.args[0], "reason", None) if error.args else None
        if isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError):
            return Unreached(f"no way to WeChat ({type(reason).__name__})", appid)
        return Unanswered(f"the connection was lost ({name})", appid)
    return Unreached(f"the request could not be made ({name})", appid)
