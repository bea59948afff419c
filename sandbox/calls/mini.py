"""Mini programs: login, phone number, codes and links."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final

from sandbox.calls.base import MINI, Call, call, effect_of, open_call, refuse
from sandbox.calls.qrcodes import picture
from sandbox.calls.tokens import account_of
from sandbox.net.message import Reply
from sandbox.state.identity import digest, text_id

if TYPE_CHECKING:
    from sandbox.net.message import Request
    from sandbox.state.account import Account
    from sandbox.state.world import Record, World

_SCENE: Final = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}")
MAX_LINK_DAYS: Final = 30


def use_code(world: World, account: Account, code: object, kind: str) -> str:
    """Return whose one-time code this is; refuses with 40029 when it is unknown, used, old or for something else."""
    if not isinstance(code, str) or not code:
        refuse(41008)
    found = world.login_codes.get(code)
    if found is None or found[:2] != (kind, account.appid) or found[3] < world.clock.now():
        refuse(40029)
    return found[2]


@open_call("/sns/jscode2session", method="GET")
def login(world: World, request: Request, body: Record) -> tuple[str, Record, Record]:
    """Turn the code of wx.login into openid and session key; the code works once."""
    del body
    query = request.query
    account = account_of(world, query.get("appid"), query.get("secret"))
    if account.kind != "mini":
        refuse(40013)
    if query.get("grant_type") != "authorization_code":
        refuse(40002)
    person = use_code(world, account, query.get("js_code"), "login_code")
    if account.counters.used(f"login_minute:{person}") >= world.settings.quota["login_minute"]:
        refuse(45011)
    contact = world.people[person].contacts[account.appid]
    key = base64.b64encode(digest(world.seed, "session", account.secret, query["js_code"], size=16)).decode()
    answer: Record = {"session_key": key, "openid": contact.openid}
    if account.open_platform:
        answer["unionid"] = contact.unionid
    return account.appid, answer, {"person": person, "openid": contact.openid, "code": query["js_code"]}


@effect_of("/sns/jscode2session")
def logged_in(world: World, account: Account, effect: Record) -> None:
    """Use the code up."""
    world.login_codes.pop(effect["code"], None)
    account.counters.add(f"login_minute:{effect['person']}")


@call("/wxa/business/getuserphonenumber", kinds=MINI)
def phone_number(call_: Call) -> Record:
    """Turn the code of getPhoneNumber into the phone number; the code works once, for five minutes."""
    world, account = call_.world, call_.account
    person = world.people[use_code(world, account, call_.body.get("code"), "phone_code")]
    openid = call_.body.get("openid")
    if openid is not None and openid != person.contacts[account.appid].openid:
        refuse(40003)
    call_.accept(person=person.id, code=call_.body["code"])
    number = person.phone.removeprefix("+86")
    watermark = {"timestamp": int(world.clock.now()), "appid": account.appid}
    info = {"phoneNumber": number, "purePhoneNumber": number, "countryCode": "86", "watermark": watermark}
    return {"phone_info": info}


@effect_of("/wxa/business/getuserphonenumber")
def phone_told(world: World, account: Account, effect: Record) -> None:
    """Use the code up."""
    del account
    world.login_codes.pop(effect["code"], None)


@call("/wxa/getwxacodeunlimit", kinds=MINI)
def mini_code(call_: Call) -> Reply:
    """Draw the code of a scene in a mini program."""
    scene = call_.body.get("scene")
    if not isinstance(scene, str) or not _SCENE.fullmatch(scene):
        refuse(40097, "scene")
    page = call_.body.get("page", "")
    if not isinstance(page, str) or page.startswith("/") or "?" in page:
        refuse(41030)
    call_.take_quota("wxacode_minute", 45011)
    call_.accept(scene=scene)
    return Reply(picture(f"{call_.account.appid}?{page}&scene={scene}"), 200, b"image/png")


@effect_of("/wxa/getwxacodeunlimit")
def code_drawn(world: World, account: Account, effect: Record) -> None:
    """Count the code."""
    del world, effect
    account.counters.add("wxacode_minute")


@call("/wxa/generate_urllink", kinds=MINI)
def url_link(call_: Call) -> Record:
    """Make a link that opens the mini program."""
    path, query = call_.text("path", default=""), call_.text("query", default="")
    if len(query) > 1024 or "?" in path:
        refuse(40097)
    days = call_.integer("expire_interval", default=MAX_LINK_DAYS)
    if not 1 <= days <= MAX_LINK_DAYS:
        refuse(40097, "expire_interval")
    call_.take_quota("urllink")
    token = text_id(call_.world.seed, "urllink", call_.account.appid, path, query, call_.world.n, length=11)
    call_.accept(path_opened=path, link=token)
    return {"url_link": f"https://wxaurl.cn/{token}"}


@effect_of("/wxa/generate_urllink")
def link_made(world: World, account: Account, effect: Record) -> None:
    """Count the link."""
    del world, effect
    account.counters.add("urllink")
