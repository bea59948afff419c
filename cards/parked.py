"""Parking a refused scan for a supervisor, who settles it once, with a note; nothing is dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.ids import new_public_id
from app.core.people import Staff
from cards.models.parked import ParkedScan
from cards.till import Till

VERDICTS = ("settled", "void")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One parked scan and who made it."""

    scan: ParkedScan
    by: str


def park(session: Session, attempt_id: UUID, *, till: Till, what: str, code: str, why: Mapping[str, str], now: datetime) -> bool:
    """Park an attempt; False when it is parked already."""
    assert till.staff_id is not None
    assert till.device_id is not None
    row = {
        "public_id": new_public_id(),
        "attempt_id": attempt_id,
        "store_id": till.store_id,
        "staff_id": till.staff_id,
        "device_id": till.device_id,
        "what": what[:80],
        "code": code[:32],
        "why": {language: sentence[:200] for language, sentence in why.items()},
        "at": now,
        "state": "open",
    }
    insert = pg_insert(table_of(ParkedScan)).values(row).on_conflict_do_nothing(index_elements=["attempt_id"])
    return session.scalar(insert.returning(ParkedScan.id)) is not None


def open_parked(session: Session, *, store_id: int, among: Select[Any], limit: int = 50) -> Sequence[Waiting]:
    """What waits at a store, oldest first, of the devices (a query of ids) that are somebody's to see."""
    query = select(ParkedScan, Staff.name).join(Staff, Staff.id == ParkedScan.staff_id)
    query = query.where(ParkedScan.store_id == store_id, ParkedScan.state == "open", ParkedScan.device_id.in_(among))
    return [Waiting(scan, by) for scan, by in session.execute(query.order_by(ParkedScan.at, ParkedScan.id).limit(limit))]


def count_parked(session: Session, *, store_id: int, among: Select[Any]) -> int:
    """How many wait at a store, of those devices."""
    waits = (ParkedScan.store_id == store_id, ParkedScan.state == "open", ParkedScan.device_id.in_(among))
    return session.scalar(select(func.count()).where(*waits)) or 0


def settle(
    session: Session, public_id: UUID, *, store_id: int, among: Select[Any], verdict: str, said: str, actor: str, now: datetime
) -> None:
    """Say what was done about a parked scan: `settled` by hand, or `void` because nothing was handed over. Once, with a note.

    Raises BadRequestError without a note, NotFoundError for a scan of another store or department, ConflictError when it is settled.
    """
    if verdict not in VERDICTS or not said.strip():
        raise BadRequestError("请选择处理方式并填写说明 / choose what was done and write a note", code="bad_verdict")
    here = (ParkedScan.public_id == public_id, ParkedScan.store_id == store_id, ParkedScan.device_id.in_(among))
    if session.scalar(select(ParkedScan.id).where(*here)) is None:
        raise NotFoundError("没有这笔待处理的核销 / there is no such scan", code="no_parked")
    done = update(ParkedScan).where(*here, ParkedScan.state == "open")
    done = done.values(state=verdict, settled_at=now, settled_by=actor[:64], note=said.strip()[:200])
    if session.scalar(done.returning(ParkedScan.id)) is None:
        raise ConflictError("这笔已经处理过 / it is settled already", code="already_settled")
    detail = {"verdict": verdict, "note": said.strip()[:200]}
    note(session, at=now, actor=actor, action="scan.settled", object_type="parked_scan", object_id=public_id, detail=detail)
