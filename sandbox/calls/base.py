"""What a call is: its account, its body, its effect, its refusals, and the table of all calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.net.message import Reply, Request
    from sandbox.state.account import Account
    from sandbox.state.person import Contact
    from sandbox.state.world import Record, World

OFFICIAL: Final = frozenset({"service", "subscription"})
SERVICE: Final = frozenset({"service"})
MINI: Final = frozenset({"mini"})
ALL: Final = frozenset({"service", "subscription", "mini"})

TEXTS: Final[dict[int, str]] = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40004: "invalid media type",
    40005: "invalid file type",
    40006: "invalid media size",
    40007: "invalid media_id",
    40008: "invalid message type",
    40013: "invalid appid",
    40014: "invalid access_token",
    40015: "invalid menu type",
    40016: "invalid button size",
    40017: "invalid button type",
    40018: "invalid button name size",
    40019: "invalid button key size",
    40020: "invalid button url size",
    40023: "invalid sub button size",
    40027: "invalid sub button url size",
    40029: "invalid code",
    40032: "invalid openid list size",
    40035: "invalid parameter",
    40037: "invalid template_id",
    40050: "invalid group id",
    40053: "invalid action info",
    40056: "invalid card code",
    40071: "invalid card type",
    40078: "invalid card status",
    40097: "invalid args",
    40099: "invalid code, already consumed",
    40109: "invalid code list",
    40116: "invalid code",
    40122: "invalid card quantity",
    40127: "invalid user-card status",
    40130: "invalid openid list size, at least two openid",
    40163: "code been used",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    41005: "media data missing",
    41006: "media_id missing",
    41008: "code missing",
    41009: "openid missing",
    41011: "required fields missing",
    41012: "card_id missing",
    41030: "invalid page",
    42001: "access_token expired",
    43001: "require GET method",
    43002: "require POST method",
    43004: "require subscribe",
    43101: "user refuse to accept the msg",
    44002: "empty post data",
    44003: "empty news data",
    44004: "empty text content",
    45001: "media size out of limit",
    45002: "content size out of limit",
    45008: "article size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit",
    45015: "response out of time limit or subscription is canceled",
    45021: "field too long",
    45026: "template num exceeds limit",
    45028: "has no masssend quota",
    45030: "this cardid has no permission to use this api",
    45031: "stock is 0",
    45033: "exceeds the get_limit of one user",
    45047: "out of response count limit",
    45056: "too many tag now, please delete some",
    45057: "this tag has too many fans, can not be deleted",
    45058: "can not modify sys tag",
    45059: "too many tags of this user",
    45065: "clientmsgid exist",
    45066: "same clientmsgid retry too fast",
    45083: "the value of speed is out of range",
    45084: "speed is missing",
    45109: "this interface is withdrawn",
    45157: "invalid tag name",
    45158: "tag name too long",
    45159: "invalid tag id",
    46003: "menu no exist",
    46004: "user no exist",
    47001: "data format error",
    47003: "argument invalid!",
    48001: "api unauthorized",
    65301: "menuid not exist",
    65303: "no default menu",
    65304: "match rule empty",
    89501: "invalid url",
}


class RefusalError(Exception):
    """The platform says no: an errcode, its text, and fields the answer carries besides."""

    def __init__(self, errcode: int, detail: str = "", **more: object) -> None:
        """`detail` is appended to the platform's own text; 47003 names the field this way."""
        super().__init__(errcode)
        self.errcode = errcode
        self.text = f"{TEXTS.get(errcode, 'error')} {detail}".rstrip()
        self.more = more


def refuse(errcode: int, detail: str = "", **more: object) -> NoReturn:
    """Refuse the call."""
    raise RefusalError(errcode, detail, **more)


@dataclass(slots=True)
class Call:
    """One call that got past token, rights and faults; `body` is the parsed JSON object."""

    world: World
    account: Account
    request: Request
    body: dict[str, Any]
    path: str
    effect: Record = field(default_factory=dict)

    def accept(self, **effect: object) -> None:
        """Say what the call changes; it is written to the log and then applied."""
        self.effect = effect

    def text(self, name: str, errcode: int = 40035, *, default: str | None = None, limit: int = 4096) -> str:
        """Return a text of the body; refuses with `errcode`."""
        value = self.body.get(name, default)
        if not isinstance(value, str) or len(value) > limit:
            refuse(errcode, f"{name} is a text")
        return value

    def integer(self, name: str, errcode: int = 40035, *, default: int | None = None) -> int:
        """Return an integer of the body (digits in a text are taken too); refuses with `errcode`."""
        value = self.body.get(name, default)
        if isinstance(value, str) and value.isdigit() and len(value) < 19:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            refuse(errcode, f"{name} is a number")
        return value

    def mapping(self, name: str, errcode: int = 40035) -> dict[str, Any]:
        """Return an object of the body; refuses with `errcode`."""
        value = self.body.get(name)
        if not isinstance(value, dict):
            refuse(errcode, f"{name} is an object")
        return value

    def contact(self, openid: object) -> Contact:
        """Return the contact behind an openid of this account; refuses with 40003."""
        found = self.account.contacts.get(openid) if isinstance(openid, str) else None
        if found is None:
            refuse(40003)
        return found

    def take_quota(self, kind: str, errcode: int = 45009) -> None:
        """Refuse when `kind` is used up; the effect counts it."""
        if self.account.counters.used(kind) >= self.world.settings.quota[kind]:
            refuse(errcode)


if TYPE_CHECKING:
    Handler = Callable[[Call], Record | Reply]
    Effect = Callable[[World, Account, Record], None]
    OpenHandler = Callable[[World, Request, Record], tuple[str, Record, Record]]


@dataclass(frozen=True, slots=True)
class Route:
    """One call: its method, who has the right to it, and its function."""

    path: str
    method: str
    kinds: frozenset[str]
    handler: Handler
    bare: bool = False


ROUTES: Final[dict[str, Route]] = {}
# Calls that prove themselves with appid and secret instead of a token.
OPEN_ROUTES: Final[dict[str, tuple[str, OpenHandler]]] = {}
EFFECTS: Final[dict[str, Effect]] = {}


def call(path: str, *, method: str = "POST", kinds: frozenset[str] = OFFICIAL, bare: bool = False) -> Callable[[Handler], Handler]:
    """Register a call of the platform; method ANY takes both, `bare` answers carry no errcode when all is well."""

    def register(handler: Handler) -> Handler:
        ROUTES[path] = Route(path, method, kinds, handler, bare)
        return handler

    return register


def open_call(path: str, *, method: str = "POST") -> Callable[[OpenHandler], OpenHandler]:
    """Register a call without an access token; it returns (appid, answer, effect)."""

    def register(handler: OpenHandler) -> OpenHandler:
        OPEN_ROUTES[path] = (method, handler)
        return handler

    return register


def effect_of(*paths: str) -> Callable[[Effect], Effect]:
    """Register what an accepted call changes, live and when the log is read again."""

    def register(effect: Effect) -> Effect:
        for path in paths:
            EFFECTS[path] = effect
        return effect

    return register
