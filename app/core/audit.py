"""The audit's one sentence: who changed what, written in the transaction that changes it; and how it is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.nouns import AuditEntry


def note(session: Session, *, at: datetime, actor: str, action: str, object_type: str, object_id: object, detail: dict[str, Any]) -> None:
    """Append an entry. `detail` holds no secret and no personal data."""
    row = AuditEntry(at=at, actor=actor[:64], action=action, object_type=object_type, object_id=str(object_id)[:64], detail=detail)
    session.add(row)


@dataclass(frozen=True, slots=True)
class Sought:
    """What to read of the audit; what is empty does not limit. `action` may end with `.*`: `staff.*` takes in every change of staff."""

    actor: str = ""
    action: str = ""
    object_type: str = ""
    object_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


def read_audit(session: Session, sought: Sought, *, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
    """Entries, the newest first, older than the entry `before`."""
    query = select(AuditEntry)
    for name in ("actor", "object_type", "object_id"):
        if value := getattr(sought, name):
            query = query.where(getattr(AuditEntry, name) == value)
    if sought.action.endswith(".*"):
        query = query.where(AuditEntry.action.startswith(sought.action[:-1], autoescape=True))
    elif sought.action:
        query = query.where(AuditEntry.action == sought.action)
    if sought.since is not None:
        query = query.where(AuditEntry.at >= sought.since)
    if sought.until is not None:
        query = query.where(AuditEntry.at < sought.until)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return session.scalars(query.order_by(AuditEntry.id.desc()).limit(limit)).all()
