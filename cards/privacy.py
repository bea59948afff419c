"""What a member agreed to before his card was opened: which version of the notice, when, and by which door."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.facts import Fact, record
from app.core.nouns import Customer, Follower
from app.core.registry import Registry

PRIVACY_VERSION = "2026-11"
"""Of the notice at `/join/privacy`."""
ACCEPTED = "privacy.accepted"


def accept_notice(
    session: Session, customer: Customer, follower: Follower, *, via: str, registry: Registry, now: datetime, language: str | None = None
) -> None:
    """Keep what he agreed to, when, and in which version. `via` names the door, `language` the one he read it in where that is known."""
    data = {"version": PRIVACY_VERSION, "purpose": "membership", "via": via, **({} if language is None else {"language": language})}
    fact = Fact(
        key=f"privacy:{customer.public_id}:{PRIVACY_VERSION}:{int(now.timestamp())}",
        kind=ACCEPTED,
        occurred_at=now,
        data=data,
        customer_id=customer.id,
        follower_id=follower.id,
        account_id=follower.account_id,
    )
    record(session, [fact], registry=registry, now=now)
    note(session, at=now, actor=via, action=ACCEPTED, object_type="customer", object_id=customer.public_id, detail=data)
