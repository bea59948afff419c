"""The audit's one sentence: who changed what, written in the transaction that changes it."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.core.nouns import AuditEntry


def note(session: Session, *, at: datetime, actor: str, action: str, object_type: str, object_id: object, detail: dict[str, Any]) -> None:
    """Append an entry. `detail` holds no secret and no personal data."""
    row = AuditEntry(at=at, actor=actor[:64], action=action, object_type=object_type, object_id=str(object_id)[:64], detail=detail)
    session.add(row)
