"""What a broadcast needs of the channel it travels by: one plug-in of `jobs/carriers` each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from app.core.errors import BadRequestError
from app.core.nouns import AccountKind
from app.core.registry import discover
from jobs.models import Purpose


class TemplateLike(Protocol):
    """A template as the gateway lists it: `content` holds its fields as `{{thing1.DATA}}`."""

    @property
    def template_id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def content(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Mapped:
    """One account's part of a plan: its template, and for each template field the name of the public field that fills it."""

    template_id: str
    fields: Mapping[str, str]
    link: Mapping[str, Any]
    """`url` or `miniprogram` as WeChat names them; empty for none."""


class Carrier(Protocol):
    """One channel. `purposes` is what WeChat allows in it, `kinds` the accounts that have it, `path` the call."""

    name: str
    purposes: Collection[Purpose]
    kinds: Collection[AccountKind]
    path: str

    def refusal(self, purpose: Purpose) -> str:
        """Why a purpose that is not allowed is not, Chinese first."""
        ...

    def message(self, content: Mapping[str, str], part: Mapped, templates: Sequence[TemplateLike]) -> dict[str, Any]:
        """The body every recipient of one account gets, checked against the account's templates. Raises BadRequestError."""
        ...

    def address(self, message: Mapping[str, Any], *, openid: str, client_id: str) -> dict[str, Any]:
        """The body for one recipient."""
        ...

    def msgid(self, answer: Mapping[str, Any]) -> str | None:
        """The platform's number of an accepted message."""
        ...


@cache
def carriers() -> Mapping[str, Carrier]:
    """Every carrier by name."""
    return {plugin.name: plugin for plugin in discover("jobs.carriers")}


def carrier_called(name: str) -> Carrier:
    """A carrier by name. Raises BadRequestError when there is none."""
    found = carriers().get(name)
    if found is None:
        raise BadRequestError(f"没有叫 {name} 的发送方式 / no carrier is called {name}", code="no_carrier")
    return found
