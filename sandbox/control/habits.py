"""How the platform behaves: callbacks, faults, tokens, quotas, settings and the clock."""

from __future__ import annotations

from dataclasses import fields as fields_of
from typing import TYPE_CHECKING, Any, Final

from sandbox.control.base import (
    Platform,
    as_object,
    control,
    control_effect,
    decide,
    read_account,
    read_bool,
    read_number,
    read_text,
    wrong,
)
from sandbox.state.faults import Fault
from sandbox.state.settings import DEFAULT_QUOTA, CallbackHabits, ReceiptHabits

if TYPE_CHECKING:
    from sandbox.net.message import Request
    from sandbox.state.world import Record, World

_SHARES: Final = ("duplicate", "late", "reorder", "lose_retry")
_SCHEDULES: Final = ("retry_after_s", "card_retry_after_s")
_MAX_REPEATS: Final = 20
_MAX_WAIT_S: Final = 86_400.0
_MAX_FAULTS: Final = 1000
_DROPS: Final = ("drop_after_accept", "drop_before")


def _known(body: Record, allowed: set[str]) -> None:
    unknown = set(body) - allowed
    if unknown:
        wrong(f"unknown: {', '.join(sorted(map(str, unknown)))[:200]}")


@control("POST", "/_control/callbacks")
def set_callbacks(platform: Platform, request: Request, body: Any) -> Record:
    """Change how the platform calls back; what is not named stays."""
    del request
    wanted = as_object(body)
    _known(wanted, {field.name for field in fields_of(CallbackHabits)})
    chosen: Record = {name: read_number(wanted, name, most=1) for name in _SHARES if name in wanted}
    for name in _SCHEDULES:
        if name in wanted:
            chosen[name] = _schedule(wanted, name)
    if "late_s" in wanted:
        chosen["late_s"] = read_number(wanted, "late_s", most=_MAX_WAIT_S)
    if "timeout_s" in wanted:
        chosen["timeout_s"] = max(0.01, read_number(wanted, "timeout_s", most=3600))
    if "concurrency" in wanted:
        chosen["concurrency"] = max(1, int(read_number(wanted, "concurrency", most=2048)))
    if "paused" in wanted:
        chosen["paused"] = read_bool(wanted, "paused", default=False)
    decide(platform, "callbacks", {"set": chosen})
    platform.courier.pump()
    habits = platform.world.settings.callbacks
    return {"ok": True, "callbacks": {field.name: getattr(habits, field.name) for field in fields_of(habits)}}


def _schedule(body: Record, name: str) -> list[float]:
    value = body[name]
    if not isinstance(value, list) or len(value) > _MAX_REPEATS:
        wrong(f"{name} is a list of at most {_MAX_REPEATS} seconds")
    return [read_number({name: item}, name, most=_MAX_WAIT_S) for item in value]


@control_effect("callbacks")
def callbacks_set(world: World, entry: Record) -> None:
    """Change the habits."""
    for name, value in entry["set"].items():
        setattr(world.settings.callbacks, name, value)


@control("POST", "/_control/faults")
def add_fault(platform: Platform, request: Request, body: Any) -> Record:
    """Let the next calls of a path fail."""
    del request
    wanted = as_object(body)
    _known(wanted, {"path", "appid", "errcode", "times", "percent", "latency_ms", *_DROPS})
    if len(platform.world.faults.rules) >= _MAX_FAULTS:
        wrong(f"at most {_MAX_FAULTS} faults", 409)
    errcode = wanted.get("errcode") or 0
    if not isinstance(errcode, int) or isinstance(errcode, bool):
        wrong("errcode is a number")
    times = wanted.get("times")
    fields: Record = {
        "path": read_text(wanted, "path", "*"),
        "appid": read_text(wanted, "appid") if wanted.get("appid") else None,
        "errcode": errcode,
        "left": None if times is None else int(read_number(wanted, "times", most=1e9)),
        "percent": 100.0 if wanted.get("percent") is None else read_number(wanted, "percent", most=100),
        "latency_ms": read_number(wanted, "latency_ms", 0, most=600_000) if wanted.get("latency_ms") else 0.0,
        **{name: read_bool(wanted, name, default=False) for name in _DROPS},
    }
    decide(platform, "fault", {"fault": fields})
    return {"id": platform.world.faults.rules[-1].id}


@control_effect("fault")
def fault_added(world: World, entry: Record) -> None:
    """Keep the fault."""
    world.faults.add(Fault(0, **entry["fault"]))


@control("GET", "/_control/faults")
def list_faults(platform: Platform, request: Request, body: Any) -> Record:
    """List the faults and how often they were drawn."""
    del request, body
    return {"faults": [fault.public() for fault in platform.world.faults.rules]}


@control("DELETE", "/_control/faults")
def clear_faults(platform: Platform, request: Request, body: Any) -> Record:
    """Remove all faults."""
    del request, body
    decide(platform, "no_faults", {})
    return {"ok": True}


@control_effect("no_faults")
def faults_cleared(world: World, entry: Record) -> None:
    """Forget the faults."""
    del entry
    world.faults.clear()


@control("POST", "/_control/tokens/expire")
def expire_tokens(platform: Platform, request: Request, body: Any) -> Record:
    """Let every token of an account run out now."""
    del request
    decide(platform, "expire_tokens", {"appid": read_account(platform.world, as_object(body))})
    return {"ok": True}


@control_effect("expire_tokens")
def tokens_expired(world: World, entry: Record) -> None:
    """End the tokens."""
    world.tokens.expire(entry["appid"])


@control("POST", "/_control/quota")
def set_quota(platform: Platform, request: Request, body: Any) -> Record:
    """Say how much of a quota is used; for `mass` it holds for every person of the account."""
    del request
    wanted = as_object(body)
    appid = read_account(platform.world, wanted)
    kind = read_text(wanted, "kind")
    if kind not in DEFAULT_QUOTA and kind not in platform.world.settings.quota:
        wrong(f"kind is one of {', '.join(DEFAULT_QUOTA)}")
    decide(platform, "quota", {"appid": appid, "kind": kind, "used": int(read_number(wanted, "used"))})
    return {"ok": True}


@control_effect("quota")
def quota_set(world: World, entry: Record) -> None:
    """Set the counter."""
    account = world.accounts[entry["appid"]]
    if entry["kind"] == "mass":
        account.mass_floor = (world.clock.month(), entry["used"])
    else:
        account.counters.set(entry["kind"], entry["used"])


@control("POST", "/_control/settings")
def set_settings(platform: Platform, request: Request, body: Any) -> Record:
    """Change what holds for the whole platform; what is not named stays."""
    del request
    wanted = as_object(body)
    _known(wanted, {"client_msg_id", "latency_ms", "token_life_s", "receipts", "quota", "client_msg_id_window_s", "legacy_coupons"})
    chosen: Record = {}
    for name in ("client_msg_id", "legacy_coupons"):
        if name in wanted:
            chosen[name] = read_bool(wanted, name, default=False)
    for name, most in (("latency_ms", 600_000), ("token_life_s", 7200), ("client_msg_id_window_s", 86_400)):
        if name in wanted:
            chosen[name] = read_number(wanted, name, most=most)
    if "quota" in wanted:
        quota = as_object(wanted["quota"])
        chosen["quota"] = {name: int(read_number(quota, name)) for name in quota if len(name) <= 128}
    if "receipts" in wanted:
        chosen["receipts"] = _receipts(wanted["receipts"])
    decide(platform, "settings", {"set": chosen})
    if "receipts" in chosen:
        platform.receipts.reconsider()
    return {"ok": True}


def _receipts(value: Any) -> Record:
    if value == "auto":
        return {}
    if value == "withheld":
        return {"withheld": True}
    wanted = as_object(value)
    _known(wanted, {"delay_s", "fail_percent", "block_percent"})
    chosen: Record = {name: read_number(wanted, name, 0, most=100) for name in ("fail_percent", "block_percent")}
    if "delay_s" in wanted:
        delay = _schedule(wanted, "delay_s")
        if len(delay) != 2 or delay[0] > delay[1]:
            wrong("delay_s is [from, to] in seconds")
        chosen["delay_s"] = delay
    return chosen


@control_effect("settings")
def settings_set(world: World, entry: Record) -> None:
    """Change the settings."""
    for name, value in entry["set"].items():
        if name == "quota":
            world.settings.quota.update(value)
        elif name == "receipts":
            world.settings.receipts = ReceiptHabits(**value)
        else:
            setattr(world.settings, name, value)


@control("POST", "/_control/clock")
def advance_clock(platform: Platform, request: Request, body: Any) -> Record:
    """Shift the platform's clock forward."""
    del request
    decide(platform, "clock", {"advance_s": read_number(as_object(body), "advance_s", most=1e9)})
    return {"ok": True, "now": int(platform.world.clock.now())}


@control_effect("clock")
def clock_advanced(world: World, entry: Record) -> None:
    """Shift the clock."""
    world.clock.advance(entry["advance_s"])
