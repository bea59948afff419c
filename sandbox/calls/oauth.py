"""Web authorisation: the silent redirect with a code, and what the account exchanges it for."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode, urlsplit

from sandbox.calls.base import SERVICE, effect_of, open_call, refuse
from sandbox.calls.mini import use_code
from sandbox.calls.tokens import account_of
from sandbox.net.message import Reply
from sandbox.state.identity import text_id
from sandbox.state.world import WebToken

if TYPE_CHECKING:
    from sandbox.net.message import Request
    from sandbox.state.account import Account
    from sandbox.state.person import Contact, Person
    from sandbox.state.world import Record, World

PATH: Final = "/connect/oauth2/authorize"
CODE_S: Final = 300.0
TOKEN_S: Final = 7200
SCOPES: Final = ("snsapi_base", "snsapi_userinfo")
# Scopes a person agreed to on a page of the platform: they tell his name and his unionid.
TOLD: Final = frozenset({"snsapi_userinfo", "snsapi_login"})
MOST_SHOWN: Final = 50
_HTML: Final = b"text/html; charset=utf-8"
# Chromium applies form-action and the rest to this page only; it carries no script at all.
_HEADERS: Final = ((b"Content-Security-Policy", b"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"),)


def authorize(world: World, request: Request) -> Reply:
    """Send the phone back to the account with a code, or ask whose phone this is."""
    query = request.query
    account = world.accounts.get(query.get("appid", ""))
    back = query.get("redirect_uri", "")
    if account is None or account.kind not in SERVICE:
        return _page("Oops! Something went wrong", "10005: scope or appid without the right", 400)
    if query.get("response_type") != "code" or query.get("scope") not in SCOPES:
        return _page("Scope 参数错误或没有 Scope 权限", "10005: response_type=code, scope snsapi_base or snsapi_userinfo", 400)
    parts = urlsplit(back)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        return _page("redirect_uri 参数错误", "10003: redirect_uri", 400)
    state = query.get("state", "")
    if len(state) > 128 or not state.isascii():
        return _page("state 参数错误", "state has at most 128 signs", 400)
    person = world.people.get(query.get("sandbox_person", "") or world.browser)
    if person is None:
        return _picker(world, request)
    code = text_id(world.seed, "oauth", person.id, account.appid, world.n, length=32)
    world.record(
        "call",
        {"path": PATH, "appid": account.appid, "errcode": 0, "person": person.id, "code": code, "scope": query["scope"]},
    )
    joint = "&" if parts.query else "?"
    target = f"{back}{joint}{urlencode({'code': code, 'state': state})}"
    reply = Reply(b"", 302, _HTML, ((b"Location", target.encode("latin-1", "replace")), (b"Cache-Control", b"no-store")))
    reply.durable = True
    return reply


@effect_of(PATH)
def authorized(world: World, account: Account, effect: Record) -> None:
    """Keep the code for five minutes; the first touch makes the openid."""
    world.contact(world.people[effect["person"]], account)
    world.login_codes[effect["code"]] = (f"oauth:{effect['scope']}", account.appid, effect["person"], world.clock.now() + CODE_S)


@open_call("/sns/oauth2/access_token", method="GET")
def access_token(world: World, request: Request, body: Record) -> tuple[str, Record, Record]:
    """Turn the code into openid and a token of its own kind; the code works once."""
    del body
    query = request.query
    account = account_of(world, query.get("appid"), query.get("secret"))
    if query.get("grant_type") != "authorization_code":
        refuse(40002)
    code = query.get("code", "")
    scope, person = _spend(world, account, code)
    contact = world.people[person].contacts[account.appid]
    token = text_id(account.secret, "web", code, length=64)
    answer: Record = {
        "access_token": token,
        "expires_in": TOKEN_S,
        "refresh_token": text_id(account.secret, "refresh", code, length=64),
        "openid": contact.openid,
        "scope": scope,
    }
    if account.open_platform and scope in TOLD:
        answer["unionid"] = contact.unionid
    return account.appid, answer, {"person": person, "openid": contact.openid, "code": code, "scope": scope}


def _spend(world: World, account: Account, code: str) -> tuple[str, str]:
    if not code:
        refuse(41008)
    if code in world.used_codes:
        refuse(40163)
    found = world.login_codes.get(code)
    kind = found[0] if found else ""
    person = use_code(world, account, code, kind if kind.startswith("oauth:") else "oauth:")
    return kind.removeprefix("oauth:"), person


@effect_of("/sns/oauth2/access_token")
def exchanged(world: World, account: Account, effect: Record) -> None:
    """Use the code up and know the token."""
    world.login_codes.pop(effect["code"], None)
    world.used_codes[effect["code"]] = None
    token = text_id(account.secret, "web", effect["code"], length=64)
    world.web_tokens[token] = WebToken(account.appid, effect["openid"], effect["scope"], world.clock.now() + TOKEN_S)


@open_call("/sns/userinfo", method="GET")
def user_info(world: World, request: Request, body: Record) -> tuple[str, Record, Record]:
    """Tell name and portrait to a token of scope snsapi_userinfo."""
    del body
    held, contact = _holder(world, request)
    if held.scope not in TOLD:
        refuse(48001)
    account = world.accounts[held.appid]
    answer: Record = {
        "openid": contact.openid,
        "nickname": world.people[contact.person].name,
        "sex": 0,
        "province": "",
        "city": "",
        "country": "",
        "headimgurl": "",
        "privilege": [],
    }
    if account.open_platform:
        answer["unionid"] = contact.unionid
    return held.appid, answer, {"openid": contact.openid}


@open_call("/sns/auth", method="GET")
def auth(world: World, request: Request, body: Record) -> tuple[str, Record, Record]:
    """Say whether a token still speaks for an openid."""
    del body
    held, contact = _holder(world, request)
    return held.appid, {"errcode": 0, "errmsg": "ok"}, {"openid": contact.openid}


def _holder(world: World, request: Request) -> tuple[WebToken, Contact]:
    token = request.query.get("access_token", "")
    if not token:
        refuse(41001)
    held = world.web_tokens.get(token)
    if held is None:
        refuse(40001)
    if held.expires_at <= world.clock.now():
        refuse(42001)
    if request.query.get("openid") != held.openid:
        refuse(40003)
    return held, world.accounts[held.appid].contacts[held.openid]


def _picker(world: World, request: Request) -> Reply:
    """Nobody holds this phone yet: a page with everybody on it."""
    query = {name: value for name, value in request.query.items() if name != "sandbox_person"}
    shown = list(world.people.values())[:MOST_SHOWN]
    rows = "".join(_row(query, one) for one in shown)
    if not rows:
        return _page("这部手机是谁的？", "平台上还没有人。先在沙盒的页面上请一个人来。")
    return _page("这部手机是谁的？", "选一个人，网页就由他打开。", more=f"<ul>{rows}</ul>")


def _row(query: dict[str, str], one: Person) -> str:
    address = f"{PATH}?{urlencode({**query, 'sandbox_person': one.id}, quote_via=quote)}"
    name = html.escape(one.name)
    return f'<li><a href="{html.escape(address)}"><i aria-hidden=true>{html.escape(one.name[:1])}</i><b>{name}</b><small>{html.escape(one.phone)}</small></a></li>'


def _page(title: str, text: str, status: int = 200, *, more: str = "") -> Reply:
    made = (
        "<!doctype html><html lang=zh-Hans-CN><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        "<meta name=color-scheme content='light dark'><title>微信沙盒</title><link rel=stylesheet href=/static/frame.css><body class=ask>"
        f"<main><span class=mark></span><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>{more}</main>"
    )
    return Reply(made.encode(), status, _HTML, _HEADERS)
