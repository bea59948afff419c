"""A call to the twin, its refusal, and the table of what it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from app.core.nouns import AccountKind
from app.wechat.twin.state import Contact, Known

if TYPE_CHECKING:
    from app.wechat.twin.platform import Twin

SERVICE = frozenset({AccountKind.SERVICE})
OFFICIAL = frozenset({AccountKind.SERVICE, AccountKind.SUBSCRIPTION})
MINI = frozenset({AccountKind.MINI})
ALL = OFFICIAL | MINI


class RefusedError(Exception):
    """The platform says no; `more` is what its answer carries besides."""

    def __init__(self, code: int, detail: str = "", **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.more = more


def refuse(code: int, detail: str = "", **more: Any) -> NoReturn:
    raise RefusedError(code, detail, **more)


@dataclass(slots=True)
class Call:
    """One call whose token and right are checked."""

    twin: "Twin"
    known: Known
    body: dict[str, Any]
    params: Mapping[str, Any]
    file: tuple[str, bytes] | None = None
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def moment(self) -> datetime:
        return self.twin.moment()

    @property
    def now(self) -> float:
        return self.twin.moment().timestamp()

    def contact(self, openid: object) -> Contact:
        """The person behind an openid of this account; 40003 when there is none."""
        found = self.known.contacts.get(openid) if isinstance(openid, str) else None
        return found or refuse(40003)

    def take(self, kind: str, code: int = 45009) -> None:
        """Use one of a quota, or refuse."""
        if self.known.counters.used(kind) >= self.twin.quota[kind]:
            refuse(code)
        self.known.counters.add(kind)


Function = Callable[[Call], dict[str, Any]]
CALLS: dict[str, tuple[frozenset[AccountKind], Function]] = {}


def call(path: str, kinds: frozenset[AccountKind] = OFFICIAL) -> Callable[[Function], Function]:
    """Enter a function in the table under its path."""

    def enter(function: Function) -> Function:
        CALLS[path] = (kinds, function)
        return function

    return enter
