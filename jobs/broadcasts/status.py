"""What a broadcast has come to: its state, and counts of rows by account, state and reason. Nothing here is a counter."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.clock import SHANGHAI
from app.core.errors import NotFoundError
from app.core.house import House
from app.core.nouns import Account
from app.core.unit import reading
from jobs.broadcasts.by_index import by_index
from jobs.broadcasts.pacing import Pace, Parked
from jobs.broadcasts.quiet import quiet_end, starts_at
from jobs.broadcasts.words import BROADCAST, DELIVERY, ERRORS, LEFT_OUT, PARKED, PAUSED, Words, words_for
from jobs.models import Broadcast, Delivery, DeliveryState

OPEN = (DeliveryState.PENDING, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class Line:
    """So many rows of one account in one state for one reason; `account` is None for people left out before an account was chosen."""

    account: str | None
    account_name: str | None
    state: str
    reason: str | None
    code: int | None
    number: int
    state_words: Words
    reason_words: Words | None


@dataclass(frozen=True, slots=True)
class Status:
    """A broadcast at one moment. `counts` is by row state, `lines` tells accounts and reasons, `notes` what holds it up."""

    public_id: UUID
    key: str
    name: str
    state: str
    state_words: Words
    wave: int
    starts_at: datetime | None
    frozen_at: datetime | None
    counts: dict[str, int]
    lines: tuple[Line, ...]
    notes: tuple[Words, ...]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def state_of(session: Session, broadcast: Broadcast, *, now: datetime) -> str:
    """The derived state: planned, scheduled, starting, sending, paused, cancelled, finished or refused_late.

    Finished means that no row is pending or sending; rows waiting for a receipt do not keep a broadcast open.
    """
    if broadcast.cancelled_at is not None:
        return "cancelled"
    if broadcast.refused_at is not None:
        return "refused_late"
    if broadcast.frozen_wave < broadcast.wave:
        return _before_freezing(broadcast, now=now)
    by_index(session)
    open_rows = select(Delivery.id).where(Delivery.broadcast_id == broadcast.id, Delivery.state.in_([state.value for state in OPEN]))
    if session.scalar(open_rows.limit(1)) is None:
        return "finished"
    return "paused" if broadcast.paused_at is not None else "sending"


def status(house: House, broadcast_id: int) -> Status:
    """Everything there is to say about a broadcast now. Raises NotFoundError."""
    now = house.clock.now()
    pace = Pace(house.redis, house.settings.redis_prefix)
    with reading(house.engine) as session:
        broadcast = session.get(Broadcast, broadcast_id)
        if broadcast is None:
            raise NotFoundError(f"没有群发 {broadcast_id} / there is no such broadcast", code="no_broadcast")
        state = state_of(session, broadcast, now=now)
        lines = _lines(session, broadcast)
        busy = _accounts_with_open_rows(session, broadcast)
    counts = {each.value: 0 for each in DeliveryState}
    for line in lines:
        counts[line.state] += line.number
    return Status(
        public_id=broadcast.public_id,
        key=broadcast.key,
        name=broadcast.name,
        state=state,
        state_words=BROADCAST[state],
        wave=broadcast.wave,
        starts_at=starts_at(broadcast),
        frozen_at=broadcast.frozen_at,
        counts=counts,
        lines=lines,
        notes=_notes(broadcast, state, busy, pace.parked(busy), now=now),
    )


def _before_freezing(broadcast: Broadcast, *, now: datetime) -> str:
    due = starts_at(broadcast)
    if broadcast.paused_at is not None:
        return "paused"
    if due is None:
        return "planned"
    if now > due + timedelta(seconds=broadcast.grace_s):
        return "refused_late"
    return "scheduled" if now < due else "starting"


def _lines(session: Session, broadcast: Broadcast) -> tuple[Line, ...]:
    reason = func.coalesce(Delivery.left_out_why, Delivery.error_why)
    counted = (
        select(Delivery.account_id, Delivery.state, reason.label("reason"), Delivery.error_code, func.count().label("number"))
        .where(Delivery.broadcast_id == broadcast.id)
        .group_by(Delivery.account_id, Delivery.state, reason, Delivery.error_code)
        .subquery()
    )
    query = (
        select(Account.appid, Account.name, counted.c.state, counted.c.reason, counted.c.error_code, counted.c.number)
        .select_from(counted)
        .outerjoin(Account, Account.id == counted.c.account_id)
        .order_by(Account.appid.nulls_last(), counted.c.state, counted.c.reason, counted.c.error_code)
    )
    return tuple(
        Line(appid, name, state, why, code, number, DELIVERY[state], words_for(LEFT_OUT if state == "left_out" else ERRORS, why))
        for appid, name, state, why, code, number in session.execute(query)
    )


def _accounts_with_open_rows(session: Session, broadcast: Broadcast) -> dict[int, str]:
    open_rows = select(Delivery.account_id).where(
        Delivery.broadcast_id == broadcast.id, Delivery.state.in_([state.value for state in OPEN])
    )
    query = select(Account.id, Account.name).where(Account.id.in_(open_rows))
    return {account_id: name for account_id, name in session.execute(query)}  # noqa: C416 - a Row is not a pair for mypy.


def _notes(broadcast: Broadcast, state: str, busy: dict[int, str], parked: dict[int, Parked], *, now: datetime) -> tuple[Words, ...]:
    notes = []
    if broadcast.paused_at is not None and broadcast.paused_why is not None:
        notes.append(PAUSED[broadcast.paused_why])
    quiet = quiet_end(broadcast, now)
    if quiet is not None and state in {"starting", "sending"}:
        notes.append(Words(f"静默时段, {_local(quiet)} 后继续", f"quiet hours, goes on after {_local(quiet)}"))
    due = starts_at(broadcast)
    if state == "refused_late" and due is not None:
        notes.append(
            Words(
                f"应在 {_local(due)} 发送, 超过 {broadcast.grace_s // 60} 分钟宽限, 已拒绝; 可重新下令发送",
                f"was due at {_local(due)} and is past its grace of {broadcast.grace_s // 60} minutes; order it again to send it",
            )
        )
    for account_id, stop in sorted(parked.items()):
        words = PARKED.get(stop.why, Words(stop.why, stop.why))
        code = f" ({stop.code})" if stop.code else ""
        notes.append(
            Words(
                f"{busy[account_id]}: {words.zh}{code}, 至 {_local(stop.until)}",
                f"{busy[account_id]}: {words.en}{code}, until {_local(stop.until)}",
            )
        )
    return tuple(notes)


def _local(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
