"""Log-in on a PC with WeChat (`qrconnect`): the page with a code, the phone that scans it and agrees, and the way back with a code."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode, urlsplit

from sandbox.calls.base import effect_of
from sandbox.calls.oauth import CODE_S
from sandbox.calls.qrcodes import picture
from sandbox.net.message import Reply
from sandbox.state.identity import text_id

if TYPE_CHECKING:
    from sandbox.net.message import Request
    from sandbox.state.account import Account
    from sandbox.state.world import Record, World

SHOWN: Final = "/connect/qrconnect"
CONFIRM: Final = "/connect/confirm"
SCOPE: Final = "snsapi_login"
LIFE_S: Final = 300.0
MOST_SCANS: Final = 10_000
MOST_SHOWN: Final = 50
_HTML: Final = b"text/html; charset=utf-8"
_POLICY: Final = b"default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
_HEADERS: Final = ((b"Content-Security-Policy", _POLICY), (b"Referrer-Policy", b"no-referrer"), (b"Cache-Control", b"no-store"))


def answer(world: World, request: Request) -> Reply:
    """Either page."""
    if request.path == CONFIRM:
        return _on_phone(world, request)
    return _waiting(world, request) if "uuid" in request.query else _show(world, request)


def _show(world: World, request: Request) -> Reply:
    """A new code for an application that may ask: checked as the platform checks it."""
    query = request.query
    account = world.accounts.get(query.get("appid", ""))
    if account is None or account.kind != "website":
        return _page("AppID 参数错误", "只有网站应用可以这样登录。", status=400)
    if query.get("response_type") != "code" or query.get("scope") != SCOPE:
        return _page("Scope 参数错误或没有 Scope 权限", "response_type=code, scope=snsapi_login", status=400)
    parts = urlsplit(query.get("redirect_uri", ""))
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        return _page("redirect_uri 参数错误", "redirect_uri", status=400)
    state = query.get("state", "")
    if len(state) > 128 or not state.isascii():
        return _page("state 参数错误", "state has at most 128 signs", status=400)
    uuid = text_id(world.seed, "scan", world.n, account.appid, state, length=16)
    scan = {"uuid": uuid, "back": query["redirect_uri"], "state": state}
    world.record("call", {"path": SHOWN, "appid": account.appid, "errcode": 0, **scan})
    return _code(world, request, uuid)


@effect_of(SHOWN)
def shown(world: World, account: Account, effect: Record) -> None:
    """Keep what was asked until somebody scans or the code runs out; the oldest go when there are too many."""
    while len(world.scans) >= MOST_SCANS:
        world.scans.pop(next(iter(world.scans)))
    until = world.clock.now() + LIFE_S
    world.scans[effect["uuid"]] = {"appid": account.appid, "back": effect["back"], "state": effect["state"], "until": until}


def _waiting(world: World, request: Request) -> Reply:
    """The PC asks again and again: still waiting, refused, over, or back to the application with a code."""
    uuid = request.query["uuid"]
    scan = _find(world, uuid)
    if scan is None:
        return _page("二维码已失效", "请回到登录页重新扫码。", status=404)
    if scan.get("refused"):
        return _page("已取消登录", "手机上选择了拒绝。请回到原来的页面重新登录。")
    if "code" not in scan:
        return _code(world, request, uuid)
    joint = "&" if urlsplit(scan["back"]).query else "?"
    target = f"{scan['back']}{joint}{urlencode({'code': scan['code'], 'state': scan['state']})}"
    return Reply(b"", 302, _HTML, ((b"Location", target.encode("latin-1", "replace")), (b"Cache-Control", b"no-store")))


def _code(world: World, request: Request, uuid: str) -> Reply:
    name = world.accounts[world.scans[uuid]["appid"]].name
    phone = f"{CONFIRM}?uuid={quote(uuid)}"
    drawn = base64.b64encode(picture(f"http://{request.headers.get('host', '127.0.0.1')}{phone}")).decode()
    more = (
        f"<img class=scan width=220 height=220 alt='二维码' src='data:image/png;base64,{drawn}'>"
        f"<p><a id=phone href='{html.escape(phone)}' target=_blank rel=noopener>没有手机？由这里的人来扫</a></p>"
    )
    return _page(
        "使用微信扫码登录",
        f"用手机扫码，登录到 {name}；确认后本页自动返回。",
        more=more,
        again=f"{SHOWN}?uuid={quote(uuid)}",
    )


def _on_phone(world: World, request: Request) -> Reply:
    """What the phone shows: whose it is, the application's name, and two answers."""
    query = request.query
    uuid = query.get("uuid", "")
    scan = _find(world, uuid)
    if scan is None or "code" in scan or scan.get("refused"):
        return _page("二维码已失效", "请在电脑上刷新后重扫。", status=404)
    account = world.accounts[scan["appid"]]
    person = world.people.get(query.get("sandbox_person", "") or world.browser)
    if person is None:
        people = list(world.people.values())[:MOST_SHOWN]
        rows = "".join(_row(uuid, one.id, one.name, one.phone) for one in people)
        return _page("谁来扫码？", "选一个人，用他的微信扫。", more=f"<ul>{rows}</ul>")
    said = query.get("answer", "")
    if said not in {"yes", "no"}:
        links = "".join(
            f"<a id={value} href='{html.escape(_link(uuid, person.id, answer=value))}'>{label}</a>"
            for value, label in (("yes", "同意"), ("no", "拒绝"))
        )
        return _page(f"登录 {account.name}", f"{person.name}，{account.name} 申请使用你的微信登录。", more=f"<p class=answers>{links}</p>")
    code = text_id(world.seed, "scan", person.id, account.appid, uuid, world.n, length=32) if said == "yes" else ""
    world.record("call", {"path": CONFIRM, "appid": account.appid, "errcode": 0, "uuid": uuid, "person": person.id, "code": code})
    reply = _page("已确认" if code else "已拒绝", "可以回到电脑了。")
    reply.durable = True
    return reply


@effect_of(CONFIRM)
def confirmed(world: World, account: Account, effect: Record) -> None:
    """Keep the code for five minutes, for one exchange; the first touch makes the openid."""
    scan = world.scans.get(effect["uuid"])
    if not effect["code"]:
        if scan is not None:
            scan["refused"] = True
        return
    world.contact(world.people[effect["person"]], account)
    world.login_codes[effect["code"]] = (f"oauth:{SCOPE}", account.appid, effect["person"], world.clock.now() + CODE_S)
    if scan is not None:
        scan["code"] = effect["code"]


def _find(world: World, uuid: str) -> Record | None:
    scan = world.scans.get(uuid)
    return None if scan is None or scan["until"] < world.clock.now() or scan["appid"] not in world.accounts else scan


def _link(uuid: str, person: str, **more: str) -> str:
    return f"{CONFIRM}?{urlencode({'uuid': uuid, 'sandbox_person': person, **more})}"


def _row(uuid: str, person: str, name: str, phone: str) -> str:
    return (
        f"<li><a href='{html.escape(_link(uuid, person))}'><i aria-hidden=true>{html.escape(name[:1])}</i>"
        f"<b>{html.escape(name)}</b><small>{html.escape(phone)}</small></a></li>"
    )


def _page(title: str, text: str, *, status: int = 200, more: str = "", again: str = "") -> Reply:
    ask = f"<meta http-equiv=refresh content='1;url={html.escape(again)}'>" if again else ""
    made = (
        f"<!doctype html><html lang=zh-Hans-CN><meta charset=utf-8><meta name=viewport content='width=device-width'>{ask}"
        "<meta name=color-scheme content='light dark'><title>微信沙盒</title><link rel=stylesheet href=/static/frame.css><body class=ask>"
        f"<main><span class=mark></span><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>{more}</main>"
    )
    return Reply(made.encode(), status, _HTML, _HEADERS)
