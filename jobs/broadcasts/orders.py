"""What a person may tell a broadcast: send, pause, resume, cancel, send again to those it missed. Each is audited; a repeat changes nothing."""

import re
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.errors import ConflictError, NotFoundError
from jobs.broadcasts.plan import note
from jobs.models import Broadcast

MAX_WAVES = 20
_PUBLIC_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Rows that a drain is claiming at this moment are left to it: what it gets back is cleared by the sweep.
_CLEAR = text(
    """
    WITH open AS (
        SELECT d.id FROM delivery d JOIN broadcast b ON b.id = d.broadcast_id
        WHERE d.state = 'pending' AND b.cancelled_at > :since AND (CAST(:broadcast_id AS bigint) IS NULL OR b.id = :broadcast_id)
        ORDER BY d.id FOR NO KEY UPDATE OF d SKIP LOCKED
    )
    UPDATE delivery d SET state = 'left_out', left_out_why = 'cancelled', openid = NULL FROM open WHERE d.id = open.id
    """
)


def broadcast_by_key(session: Session, key: str) -> Broadcast:
    """A broadcast by its planner's key or its public id. Raises NotFoundError."""
    named = Broadcast.key == key
    if _PUBLIC_ID.fullmatch(key):
        named |= Broadcast.public_id == UUID(key)
    found = session.scalar(select(Broadcast).where(named))
    if found is None:
        raise NotFoundError(f"没有群发 {key} / there is no broadcast {key}", code="no_broadcast")
    return found


def send(session: Session, broadcast_id: int, *, actor: str, now: datetime, at: datetime | None = None) -> Broadcast:
    """Order a planned broadcast for now, or for `at`. Also starts one anew that was refused for being late.

    Raises NotFoundError, and ConflictError when it is cancelled or its rows are frozen already.
    """
    broadcast = _locked(session, broadcast_id)
    _not_cancelled(broadcast)
    if broadcast.frozen_wave >= broadcast.wave:
        if at is None:
            return broadcast
        raise ConflictError("名单已确定, 不能改时间 / its recipients are frozen; it can only be paused or cancelled", code="frozen")
    if broadcast.refused_at is None and broadcast.scheduled_at is not None and at is None and broadcast.scheduled_at <= now:
        return broadcast
    broadcast.scheduled_at = now if at is None else max(at, now)
    broadcast.refused_at = None
    note(session, broadcast, actor=actor, action="send", now=now, detail={"at": broadcast.scheduled_at.isoformat()})
    return broadcast


def pause(session: Session, broadcast_id: int, *, actor: str, now: datetime, why: str = "person") -> Broadcast:
    """Stop it at the next claim. Raises NotFoundError and ConflictError."""
    broadcast = _locked(session, broadcast_id)
    _not_cancelled(broadcast)
    if broadcast.paused_at is None:
        broadcast.paused_at = now
        broadcast.paused_why = why
        note(session, broadcast, actor=actor, action="pause", now=now, detail={"why": why})
    return broadcast


def pause_by_itself(session: Session, broadcast_id: int, *, why: str, now: datetime) -> None:
    """Pause because going on would only do harm; a broadcast cancelled meanwhile stays as it is."""
    if _locked(session, broadcast_id).cancelled_at is None:
        pause(session, broadcast_id, actor="fanka", now=now, why=why)


def resume(session: Session, broadcast_id: int, *, actor: str, now: datetime) -> Broadcast:
    """Let it go on; the sweep finds its rows. One that was paused before its time starts late by as long as the pause lasted.

    Raises NotFoundError and ConflictError.
    """
    broadcast = _locked(session, broadcast_id)
    _not_cancelled(broadcast)
    if broadcast.paused_at is not None:
        if broadcast.frozen_wave < broadcast.wave and broadcast.scheduled_at is not None and broadcast.scheduled_at > broadcast.paused_at:
            broadcast.scheduled_at = max(broadcast.scheduled_at, now)
        broadcast.paused_at = None
        broadcast.paused_why = None
        note(session, broadcast, actor=actor, action="resume", now=now)
    return broadcast


def cancel(session: Session, broadcast_id: int, *, actor: str, now: datetime) -> Broadcast:
    """End it at the next claim: who has not been sent anything never will be. Raises NotFoundError."""
    broadcast = _locked(session, broadcast_id)
    if broadcast.cancelled_at is None:
        broadcast.cancelled_at = now
        session.flush()
        left = clear_cancelled(session, now=now, broadcast_id=broadcast_id)
        note(session, broadcast, actor=actor, action="cancel", now=now, detail={"left_out": left})
    return broadcast


def send_to_missing(session: Session, broadcast_id: int, *, actor: str, now: datetime) -> Broadcast:
    """Order one more wave for those whom the last did not reach; rows that may have been sent are not among them.

    Raises NotFoundError, and ConflictError while the last wave is still going on.
    """
    broadcast = _locked(session, broadcast_id)
    _not_cancelled(broadcast)
    if broadcast.frozen_wave < broadcast.wave or _open_rows(session, broadcast_id):
        raise ConflictError("上一波还没发完 / the last wave has not ended yet", code="wave_open")
    if broadcast.wave >= MAX_WAVES:
        raise ConflictError(f"最多 {MAX_WAVES} 波 / {MAX_WAVES} waves are the most", code="too_many_waves")
    broadcast.wave += 1
    broadcast.scheduled_at = now
    note(session, broadcast, actor=actor, action="send_to_missing", now=now, detail={"wave": broadcast.wave})
    return broadcast


def clear_cancelled(session: Session, *, now: datetime, broadcast_id: int | None = None) -> int:
    """Leave out what broadcasts cancelled in the last day still had pending, also what a drain put back since. Returns how many."""
    return int(session.execute(_CLEAR, {"broadcast_id": broadcast_id, "since": now - timedelta(days=1)}).rowcount)  # type: ignore[attr-defined]


def _open_rows(session: Session, broadcast_id: int) -> bool:
    query = text("SELECT EXISTS (SELECT 1 FROM delivery WHERE broadcast_id = :id AND state IN ('pending', 'sending'))")
    return bool(session.scalar(query, {"id": broadcast_id}))


def _locked(session: Session, broadcast_id: int) -> Broadcast:
    found = session.get(Broadcast, broadcast_id, with_for_update={"key_share": True}, populate_existing=True)
    if found is None:
        raise NotFoundError(f"没有群发 {broadcast_id} / there is no such broadcast", code="no_broadcast")
    return found


def _not_cancelled(broadcast: Broadcast) -> None:
    if broadcast.cancelled_at is not None:
        raise ConflictError("群发已取消 / the broadcast is cancelled", code="cancelled")
