"""The table of control requests and how their bodies are read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NoReturn

from sandbox.net.message import Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandbox.callbacks.cashier import Cashier
    from sandbox.callbacks.courier import Courier
    from sandbox.callbacks.receipts import ReceiptOffice
    from sandbox.journal import Journal
    from sandbox.net.message import Request
    from sandbox.state.world import Record, World


class ControlRefusedError(Exception):
    """The control plane says no; `status` is a 4xx."""

    def __init__(self, message: str, status: int = 400, **more: object) -> None:
        """`more` joins the answer beside `error`."""
        super().__init__(message)
        self.message = message
        self.status = status
        self.more = more


def wrong(message: str, status: int = 400) -> NoReturn:
    """Refuse a control request."""
    raise ControlRefusedError(message, status)


class Platform:
    """What a control request may touch."""

    def __init__(self, world: World, journal: Journal, courier: Courier, receipts: ReceiptOffice, cashier: Cashier) -> None:
        """Hold the parts together."""
        self.world = world
        self.journal = journal
        self.courier = courier
        self.receipts = receipts
        self.cashier = cashier


if TYPE_CHECKING:
    Control = Callable[[Platform, Request, Any], Record | Reply | Awaitable[Record]]
    Effect = Callable[[World, Record], None]

CONTROLS: Final[dict[tuple[str, str], Control]] = {}
PREFIXES: Final[dict[tuple[str, str], Control]] = {}
CONTROL_EFFECTS: Final[dict[str, Effect]] = {}


def control(method: str, path: str, *, prefix: bool = False) -> Callable[[Control], Control]:
    """Register a control request; with `prefix`, every path below it."""

    def register(handler: Control) -> Control:
        (PREFIXES if prefix else CONTROLS)[method, path] = handler
        return handler

    return register


def control_effect(do: str) -> Callable[[Effect], Effect]:
    """Register what a control record changes, live and when the log is read again."""

    def register(effect: Effect) -> Effect:
        CONTROL_EFFECTS[do] = effect
        return effect

    return register


def decide(platform: Platform, do: str, fields: Record) -> None:
    """Write a control record and apply it."""
    platform.world.record("control", {"do": do, **fields})


def apply_control(world: World, entry: Record, line: bytes) -> None:
    """Apply a control record."""
    del line
    CONTROL_EFFECTS[entry["do"]](world, entry)


def as_object(body: Any) -> Record:
    """Return the body as an object."""
    if not isinstance(body, dict):
        wrong("the body is a JSON object")
    return dict(body)


def read_text(body: Record, name: str, default: str | None = None, *, limit: int = 512) -> str:
    """Return a text of the body."""
    value = body.get(name, default)
    if not isinstance(value, str) or len(value) > limit:
        wrong(f"{name} is a text of at most {limit} characters")
    return value


def read_number(body: Record, name: str, default: float | None = None, *, most: float = 1e12) -> float:
    """Return a number from 0 to `most`."""
    value = body.get(name, default)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value) or not 0 <= value <= most:
        wrong(f"{name} is a number from 0 to {most:g}")
    return value


def read_bool(body: Record, name: str, *, default: bool) -> bool:
    """Return true or false."""
    value = body.get(name, default)
    if not isinstance(value, bool):
        wrong(f"{name} is true or false")
    return value


def read_account(world: World, body: Record) -> str:
    """Return the appid of an account that exists."""
    appid = read_text(body, "appid")
    if appid not in world.accounts:
        wrong(f"no account {appid!r}", 404)
    return appid
