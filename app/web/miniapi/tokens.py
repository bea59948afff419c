"""Who calls from a mini program: a sealed token that names the account and the person, so that nothing is kept of somebody who only looks."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.core.secrets import KeyRing, UnsealError

LIFE = timedelta(hours=2)
LONGEST = 1024
_NOBODY = UUID(int=0)


class Held(BaseModel):
    """What a token says. The session key of WeChat is in none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: UUID
    openid: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(repr=False)
    unionid: Annotated[str, StringConstraints(max_length=128)] = Field(repr=False)
    """Empty where the mini program belongs to no open platform. It is told to nobody and kept by nobody before there is a consent."""
    at: Annotated[int, Field(ge=0)]
    """Unix seconds of the log-in."""

    @property
    def expires_at(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC) + LIFE


@dataclass(frozen=True, slots=True)
class Seals:
    """Makes and reads tokens with the house's keys."""

    ring: KeyRing

    def write(self, held: Held) -> str:
        sealed = self.ring.seal(held.model_dump_json(), table="miniapi", column="token", row=_NOBODY)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def read(self, token: str, *, now: datetime) -> Held | None:
        """A token of ours that is not over, or None."""
        if not token or len(token) > LONGEST or not token.isascii():
            return None
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            held = Held.model_validate_json(self.ring.open(sealed, table="miniapi", column="token", row=_NOBODY))
        except (binascii.Error, UnsealError, ValidationError, ValueError):
            return None
        return held if 0 <= now.timestamp() - held.at < LIFE.total_seconds() else None
