"""Who a phone is: a sealed cookie that names an account and an openid, so that nothing is kept of somebody who only looks."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.core.secrets import KeyRing, UnsealError
from cards.codes import is_signed, sign_text

COOKIE, WAY_COOKIE = "fanka_me", "fanka_way"
LIFE = timedelta(days=7)
WAY_LIFE = timedelta(minutes=10)
LONGEST = 1024
Shape = TypeVar("Shape", bound=BaseModel)
_NOBODY = UUID(int=0)
_CSRF_SIGNS = 32


class Pass(BaseModel):
    """What the cookie says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: UUID
    openid: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    at: Annotated[int, Field(ge=0)]
    """Unix seconds of the log-in."""


class Way(BaseModel):
    """What is remembered while WeChat says who somebody is: the word it must bring back, the account, and where he wanted to go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    account: UUID
    onward: Annotated[str, StringConstraints(max_length=300)]
    at: int


@dataclass(frozen=True, slots=True)
class Seals:
    """Makes and reads the two cookies with the house's keys."""

    ring: KeyRing

    def write_pass(self, given: Pass) -> str:
        return self._write(given, "pass")

    def read_pass(self, cookie: str, *, now: datetime) -> Pass | None:
        """A pass of ours that is not over, or None."""
        given = self._read(cookie, "pass", Pass)
        return given if given is not None and 0 <= now.timestamp() - given.at <= LIFE.total_seconds() else None

    def write_way(self, given: Way) -> str:
        return self._write(given, "way")

    def read_way(self, cookie: str, *, now: datetime) -> Way | None:
        """A way of ours that is not over, or None."""
        given = self._read(cookie, "way", Way)
        return given if given is not None and 0 <= now.timestamp() - given.at <= WAY_LIFE.total_seconds() else None

    def csrf(self, cookie: str) -> str:
        """The word a form of this session carries."""
        return sign_text(self.ring, "h5 form", cookie)[:_CSRF_SIGNS]

    def is_own_form(self, cookie: str, word: str) -> bool:
        return bool(cookie) and is_signed(self.ring, "h5 form", cookie, word[:_CSRF_SIGNS])

    def _write(self, given: BaseModel, column: str) -> str:
        sealed = self.ring.seal(given.model_dump_json(), table="h5", column=column, row=_NOBODY)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def _read(self, cookie: str, column: str, shape: type[Shape]) -> Shape | None:
        if not cookie or len(cookie) > LONGEST or not cookie.isascii():
            return None
        try:
            sealed = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
            return shape.model_validate_json(self.ring.open(sealed, table="h5", column=column, row=_NOBODY))
        except (binascii.Error, UnsealError, ValidationError, ValueError):
            return None


def onward_of(wanted: str, *, default: str = "/me") -> str:
    """A place on these pages to go on to; anything that could lead elsewhere becomes the default."""
    known = ("/me", "/join", "/c/", "/p/")
    plain = len(wanted) <= 300 and wanted.isascii() and wanted.isprintable() and not any(sign in wanted for sign in "\\ <>\"'")
    return wanted if plain and wanted.startswith(known) and "//" not in wanted else default
