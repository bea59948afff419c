"""What WeChat said: one verified, decrypted message or event, its key, and the row that refuses a repeat."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment

MAX_TEXT = 4096


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message or event. `fields` holds every field of the body as WeChat sent it: text, mappings and lists of these."""

    appid: str
    openid: str
    msg_type: str
    """`text`, `event`, ... in lower case as WeChat writes it."""
    event: str
    """The `Event` of an event, exactly as sent (`subscribe`, `SCAN`, `CLICK`); empty for a message."""
    occurred_at: datetime
    """`CreateTime`, UTC."""
    received_at: datetime
    fields: Mapping[str, Any]
    key: str
    """SHA-256 hex over the account and the decrypted fields: MsgId and FromUserName+CreateTime both lose real data."""

    def text(self, name: str) -> str:
        """A field as text: empty when it is missing or not text."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    @property
    def event_key(self) -> str:
        return self.text("EventKey")


def inbound_key(appid: str, fields: Mapping[str, Any]) -> str:
    """The key of what was said: the same for every repeat, however it was signed or encrypted this time."""
    return hashlib.sha256(appid.encode() + b"\0" + orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)).hexdigest()


def openid_digest(appid: str, openid: str) -> str:
    """The pseudonym of a person on an account that outlives erasure."""
    return hashlib.sha256(f"{appid}:{openid}".encode()).hexdigest()


class InboundRow(Base):
    """The key of everything WeChat ever said to us, kept for good: this unique row is what refuses a repeat."""

    __tablename__ = "inbound"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    occurred_at: Mapped[datetime] = mapped_column(Moment)
    received_at: Mapped[datetime] = mapped_column(Moment)
