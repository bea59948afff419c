"""The sweep of what has expired. Every query tests expiry itself, so the sweep is housekeeping and audit."""

from datetime import datetime
from typing import cast

from sqlalchemy import Table, delete, select
from sqlalchemy.orm import Session

from app.core.facts import lock_customers
from app.core.house import House
from app.core.unit import work
from tagging.among import among
from tagging.evidence import Evidence, as_evidence
from tagging.membership import Holding, settle
from tagging.models import TagEvidence, Why
from tagging.rulebook import RuleBook, read_exclusive

_EVIDENCE = cast("Table", TagEvidence.__table__)
CHUNK = 1000


def expire_tags(house: House, *, chunk: int = CHUNK) -> int:
    """Remove evidence that has expired and the tags that stood on it alone, with an audit row each. Returns how many tags went."""
    now = house.clock.now()
    gone = 0
    while True:
        with work(house.engine) as session:
            found = _sweep(session, now=now, chunk=chunk)
        if found is None:
            return gone
        gone += found


def _sweep(session: Session, *, now: datetime, chunk: int) -> int | None:
    """One chunk; None when nothing was left to do."""
    due = select(TagEvidence.customer_id).where(TagEvidence.expires_at <= now).order_by(TagEvidence.expires_at).limit(chunk)
    customer_ids = set(session.scalars(due))
    if not customer_ids:
        return None
    lock_customers(session, customer_ids)
    expired = delete(_EVIDENCE).where(among(TagEvidence.customer_id, customer_ids), TagEvidence.expires_at <= now).returning(_EVIDENCE)
    lost: dict[Holding, list[Evidence]] = {}
    for row in session.execute(expired).mappings():
        piece = as_evidence(row)
        lost.setdefault((piece.tag_id, piece.customer_id), []).append(piece)
    book = RuleBook(exclusive=read_exclusive(session))
    return settle(session, customer_ids, {tag_id for tag_id, _ in lost}, book=book, why=Why.EXPIRED, now=now, lost=lost)
