"""From a request to a call or a control: token, faults, rights, body, then the function, the log and the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from sandbox.calls import AREAS
from sandbox.calls.base import EFFECTS, OPEN_ROUTES, ROUTES, Call, RefusalError, refuse
from sandbox.control.base import CONTROLS, PREFIXES, ControlRefusedError
from sandbox.net.message import Reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sandbox.calls.base import Route
    from sandbox.control.base import Control, Platform
    from sandbox.net.message import Request
    from sandbox.state.account import Account
    from sandbox.state.faults import Fault
    from sandbox.state.world import Record, World

__all__ = ["AREAS", "answer_call", "answer_control", "apply_call"]

_PLATFORM_PREFIXES: Final = ("/cgi-bin/", "/sns/", "/wxa/", "/card/", "/wxaapi/")


def answer_call(world: World, request: Request) -> Reply | None:
    """Answer a call of the platform; None when the path is none of its."""
    path = request.path
    route = ROUTES.get(path)
    if route is None:
        if path in OPEN_ROUTES:
            return _answer_open(world, request)
        if path.startswith(_PLATFORM_PREFIXES):
            return _refused(world, path, "", RefusalError(-1, "unknown api"), 404)
        return None
    appid, errcode = world.tokens.check(request.query.get("access_token", ""))
    if errcode and not request.query.get("access_token"):
        errcode = 41001
    fault = world.faults.draw(path, appid) if world.faults.rules else None
    if fault and (struck := _strike(world, path, appid, fault)):
        return struck
    account = world.accounts.get(appid)
    try:
        if errcode or account is None:
            refuse(errcode or 40001)
        call = Call(world, account, request, _check(world, account, route, request), path)
        answer = route.handler(call)
    except RefusalError as refusal:
        return _late(world, fault, _refused(world, path, appid, refusal))
    reply = answer if isinstance(answer, Reply) else json_reply(answer if route.bare else {"errcode": 0, "errmsg": "ok", **answer})
    world.record("call", {"path": path, "appid": appid, "errcode": 0, **call.effect})
    return _accepted(world, fault, reply)


def _answer_open(world: World, request: Request) -> Reply:
    """Answer a call that proves itself with appid and secret, or needs no proof."""
    path = request.path
    method, handler = OPEN_ROUTES[path]
    appid, fault = request.query.get("appid", ""), None
    try:
        _check_method(method, request)
        body = _read_body(request) if request.method == "POST" else {}
        claimed = body.get("appid", appid)
        appid = claimed if isinstance(claimed, str) else ""
        fault = world.faults.draw(path, appid) if world.faults.rules else None
        if fault and (struck := _strike(world, path, appid, fault)):
            return struck
        appid, answer, effect = handler(world, request, body)
    except RefusalError as refusal:
        return _late(world, fault, _refused(world, path, appid, refusal))
    world.record("call", {"path": path, "appid": appid, "errcode": 0, **effect})
    return _accepted(world, fault, json_reply(answer))


def _check(world: World, account: Account, route: Route, request: Request) -> dict[str, Any]:
    """Check rights, method and the path's own quota, and return the body."""
    _check_method(route.method, request)
    if account.kind not in route.kinds:
        refuse(48001)
    limit = world.settings.quota.get(route.path)
    if limit is not None and account.counters.used(route.path) >= limit:
        refuse(45009)
    if request.method != "POST" or request.headers.get("content-type", "").startswith("multipart/"):
        return {}
    return _read_body(request, required=route.method == "POST")


def _check_method(method: str, request: Request) -> None:
    if method == "POST" and request.method != "POST":
        refuse(43002)
    if method == "GET" and request.method != "GET":
        refuse(43001)


def _read_body(request: Request, *, required: bool = True) -> dict[str, Any]:
    if not request.body:
        if required:
            refuse(44002)
        return {}
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        refuse(47001)
    return body


def _strike(world: World, path: str, appid: str, fault: Fault) -> Reply | None:
    """Let a fault decide the answer; None when it only slows or drops what follows."""
    if fault.drop_before:
        world.record("call", {"path": path, "appid": appid, "errcode": -1, "fault": fault.id, "dropped": True})
        reply = Reply()
        reply.drop = True
        return reply
    if fault.errcode:
        refusal = RefusalError(fault.errcode)
        return _late(world, fault, _refused(world, path, appid, refusal, fault=fault.id))
    return None


def _refused(world: World, path: str, appid: str, refusal: RefusalError, status: int = 200, **more: object) -> Reply:
    """Answer an errcode with its rid; refusals are logged too but need not wait for the disk."""
    rid = world.rid()
    world.record("call", {"path": path, "appid": appid, "errcode": refusal.errcode, "rid": rid, **more})
    return json_reply({"errcode": refusal.errcode, "errmsg": f"{refusal.text} rid: {rid}", **refusal.more}, status)


def _accepted(world: World, fault: Fault | None, reply: Reply) -> Reply:
    reply.durable = True
    if fault and fault.drop_after_accept:
        reply.drop = True
    return _late(world, fault, reply)


def _late(world: World, fault: Fault | None, reply: Reply) -> Reply:
    wait_ms = world.settings.latency_ms + (fault.latency_ms if fault else 0.0)
    reply.delay_s = wait_ms / 1000
    return reply


def apply_call(world: World, entry: Record, line: bytes) -> None:
    """Apply a call record: count it and change what it changed."""
    del line
    world.totals.calls += 1
    if entry["errcode"]:
        world.totals.refused += 1
        return
    path = entry["path"]
    account = world.accounts.get(entry["appid"])
    if account is None:
        return
    if path in world.settings.quota:
        account.counters.add(path)
    effect = EFFECTS.get(path)
    if effect:
        effect(world, account, entry)


# -- control -----------------------------------------------------------------------------------


def answer_control(platform: Platform, request: Request) -> Reply | Awaitable[Reply]:
    """Answer a control request; writes are answered after their records are on disk."""
    try:
        _same_origin(request)
        handler = _find(request)
        body = _control_body(request)
        answer = handler(platform, request, body)
    except ControlRefusedError as refused:
        return _control_refused(refused)
    if isinstance(answer, Reply):
        return answer
    if isinstance(answer, dict):
        return _control_done(request, answer)
    return _control_wait(request, answer)


async def _control_wait(request: Request, pending: Awaitable[Record]) -> Reply:
    try:
        return _control_done(request, await pending)
    except ControlRefusedError as refused:
        return _control_refused(refused)


def _control_done(request: Request, answer: Record) -> Reply:
    reply = json_reply(answer)
    reply.durable = request.method != "GET"
    return reply


def _control_refused(refused: ControlRefusedError) -> Reply:
    reply = json_reply({"error": refused.message, **refused.more}, refused.status)
    # A list of acts may have happened in part: that part is on disk before the answer, as always.
    reply.durable = bool(refused.more)
    return reply


def _same_origin(request: Request) -> None:
    """Refuse browsers that another site sent: only the sandbox's own page may control it."""
    origin = request.headers.get("origin")
    if origin and origin.partition("://")[2] != request.headers.get("host", ""):
        message = "another origin"
        raise ControlRefusedError(message, 403)


def _find(request: Request) -> Control:
    method = "GET" if request.method == "HEAD" else request.method
    found = CONTROLS.get((method, request.path))
    if found is None:
        found = next((c for (m, p), c in PREFIXES.items() if m == method and request.path.startswith(p)), None)
    if found is None:
        known = any(path == request.path for _, path in CONTROLS)
        message = "not this method" if known else "no such control"
        raise ControlRefusedError(message, 405 if known else 404)
    return found


def _control_body(request: Request) -> Any:
    if not request.body:
        return {}
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError:
        message = "the body is not JSON"
        raise ControlRefusedError(message) from None
