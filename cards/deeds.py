"""What members did elsewhere, told by programs of the group: a form filled in, something shared, an event attended; each on record once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, ConflictError
from app.core.facts import Fact, FactRow, record
from app.core.registry import Registry
from cards.models.membership import MemberCard
from cards.profile import FORM

Kind = Literal["form", "share", "event"]
KINDS: dict[Kind, tuple[str, str]] = {
    "form": ("form.completed", "form"),
    "share": ("content.shared", "content"),
    "event": ("event.attended", "event"),
}
"""The fact each becomes, and the field that names the form, the content or the event."""
_AHEAD, _BEHIND = timedelta(minutes=10), timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Deed:
    """`ref` is the teller's own number of it."""

    kind: Kind
    name: str
    ref: str
    occurred_at: datetime | None = None
    """Now when the teller does not say."""


def observe_deed(session: Session, card: MemberCard, deed: Deed, *, teller: UUID, registry: Registry, now: datetime) -> bool:
    """Put a deed on record; rules that hear it reward it. Says whether it was news: the same one again is none.

    Raises BadRequestError for a time that cannot be and for a form that is ours, ConflictError when the number told something else.
    """
    at = deed.occurred_at or now
    if not now - _BEHIND <= at <= now + _AHEAD:
        raise BadRequestError("发生时间须在最近 30 天内 / occurred_at lies within the last 30 days", code="bad_moment", status=422)
    kind, field = KINDS[deed.kind]
    if deed.kind == "form" and deed.name == FORM:
        raise BadRequestError("会员资料由会员自己填写 / a member fills in his profile himself", code="own_form", status=422)
    key = f"deed:{teller}:{sha256(deed.ref.encode()).hexdigest()[:40]}"
    data = {field: deed.name, "programme_id": card.programme_id}
    fact = Fact(key, kind, at, data, customer_id=card.customer_id)
    if record(session, [fact], registry=registry, now=now):
        return True
    held = session.scalars(select(FactRow).where(FactRow.key == key)).one()
    same = (held.kind, held.data, held.customer_id) == (kind, data, card.customer_id)
    same = same and deed.occurred_at in (None, held.occurred_at)
    if not same:
        raise ConflictError("这个单号已用于另一件事 / this reference was used for something else", code="ref_differs")
    return False
