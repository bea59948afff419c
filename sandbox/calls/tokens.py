"""Both token calls, tickets, and the addresses the platform calls from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.calls.base import ALL, Call, call, effect_of, open_call, refuse
from sandbox.state.identity import text_id

if TYPE_CHECKING:
    from sandbox.net.message import Request
    from sandbox.state.account import Account
    from sandbox.state.tokens import TokenKind
    from sandbox.state.world import Record, World

OVERLAP_S: Final = 300.0
FORCE_GAP_S: Final = 30.0
TICKET_S: Final = 7200


def account_of(world: World, appid: object, secret: object) -> Account:
    """Return the account that proves itself; refuses with 41002, 41004, 40013 or 40001."""
    if not appid:
        refuse(41002)
    if not secret:
        refuse(41004)
    account = world.accounts.get(appid) if isinstance(appid, str) else None
    if account is None:
        refuse(40013)
    if secret != account.secret:
        refuse(40001, "the secret is wrong or not this account's")
    return account


def _overlap(world: World) -> float:
    # Five minutes of two hours; a shorter life that a test set has a shorter overlap.
    return min(OVERLAP_S, world.settings.token_life_s / 24)


@open_call("/cgi-bin/stable_token")
def stable_token(world: World, request: Request, body: Record) -> tuple[str, Record, Record]:
    """Give the stable token: the same until shortly before its end, a new one by force."""
    del request
    if body.get("grant_type") != "client_credential":
        refuse(40002)
    account = account_of(world, body.get("appid"), body.get("secret"))
    limits, used = world.settings.quota, account.counters
    if used.used("stable_minute") >= limits["stable_minute"]:
        refuse(45011)
    if used.used("stable_day") >= limits["stable_day"]:
        refuse(45009)
    now = world.clock.now()
    newest = world.tokens.newest(account.appid, "stable")
    force = body.get("force_refresh") is True
    alive = newest is not None and not newest.superseded_at and newest.expires_at - now > _overlap(world)
    if force:
        if used.used("force_refresh") >= limits["force_refresh"]:
            refuse(45009)
        if newest and now - newest.issued_at < FORCE_GAP_S and alive:
            refuse(45011)
    elif alive and newest:
        answer = {"access_token": newest.token, "expires_in": int(newest.expires_at - now)}
        return account.appid, answer, {"token_kind": "stable"}
    return _issue(world, account, "stable", force=force)


@open_call("/cgi-bin/token", method="GET")
def token(world: World, request: Request, body: Record) -> tuple[str, Record, Record]:
    """Give a new legacy token; the one before lives five minutes longer."""
    del body
    if request.query.get("grant_type") != "client_credential":
        refuse(40002)
    account = account_of(world, request.query.get("appid"), request.query.get("secret"))
    if account.counters.used("token") >= world.settings.quota["token"]:
        refuse(45009)
    return _issue(world, account, "legacy", force=False)


def _issue(world: World, account: Account, kind: TokenKind, *, force: bool) -> tuple[str, Record, Record]:
    newest = world.tokens.newest(account.appid, kind)
    serial = newest.serial + 1 if newest else 1
    life = world.settings.token_life_s
    expires_at = world.clock.now() + life
    effect: Record = {"token_kind": kind, "serial": serial, "expires_at": expires_at, "force": force}
    # The overlap is part of the record, so that reading the log again gives the same lives.
    effect["overlap_s"] = 0.0 if force else _overlap(world)
    issued = world.tokens.issue(account, kind, serial=serial, expires_at=expires_at, overlap_s=effect["overlap_s"])
    return account.appid, {"access_token": issued.token, "expires_in": int(life)}, effect


@effect_of("/cgi-bin/stable_token", "/cgi-bin/token")
def token_issued(world: World, account: Account, effect: Record) -> None:
    """Count the call; a token that the log says was given out is known again after a restart."""
    kind: TokenKind = effect["token_kind"]
    if kind == "legacy":
        account.counters.add("token")
    else:
        account.counters.add("stable_minute")
        account.counters.add("stable_day")
        if effect.get("force"):
            account.counters.add("force_refresh")
    serial = effect.get("serial")
    newest = world.tokens.newest(account.appid, kind)
    if serial and (newest is None or newest.serial < serial):
        world.tokens.issue(account, kind, serial=serial, expires_at=effect["expires_at"], overlap_s=effect["overlap_s"])


@call("/cgi-bin/ticket/getticket", method="GET", kinds=ALL)
def get_ticket(call_: Call) -> Record:
    """Give the ticket that JS-SDK or card signatures need; the same for two hours."""
    type_ = call_.request.query.get("type", "")
    if type_ not in {"jsapi", "wx_card"}:
        refuse(40097)
    used = f"ticket_{type_}"
    if call_.account.counters.used(used) >= call_.world.settings.quota["ticket"]:
        refuse(45009)
    now = int(call_.world.clock.now())
    ticket = text_id(call_.account.secret, "ticket", type_, call_.account.appid, now // TICKET_S, length=86)
    call_.accept(ticket_type=type_)
    return {"errcode": 0, "errmsg": "ok", "ticket": ticket, "expires_in": TICKET_S - now % TICKET_S}


@effect_of("/cgi-bin/ticket/getticket")
def ticket_given(world: World, account: Account, effect: Record) -> None:
    """Count the call."""
    del world
    account.counters.add(f"ticket_{effect['ticket_type']}")


@call("/cgi-bin/getcallbackip", method="GET", kinds=ALL, bare=True)
def callback_ips(call_: Call) -> Record:
    """Tell where callbacks come from: here always loopback."""
    del call_
    return {"ip_list": ["127.0.0.1"]}


@call("/cgi-bin/get_api_domain_ip", method="GET", kinds=ALL, bare=True)
def api_ips(call_: Call) -> Record:
    """Tell where the platform listens: here always loopback."""
    del call_
    return {"ip_list": ["127.0.0.1"]}
