"""Freezing: one transaction turns the segment into rows, one a person, each with its account or the reason why there is none."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import BigInteger, case, false, func, insert, literal, select
from sqlalchemy.orm import Session

from app.core.errors import NotFoundError
from app.core.house import House, current
from app.core.log import get_logger
from app.core.unit import after_commit, work
from jobs.broadcasts.audience import audience
from jobs.broadcasts.audience_lock import own_audience
from jobs.broadcasts.doors import DRAIN, START
from jobs.broadcasts.pacing import Pace
from jobs.broadcasts.plan import note
from jobs.broadcasts.quiet import quiet_end, starts_at
from jobs.models import Broadcast, BroadcastAccount, Delivery, DeliveryState

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a freeze came to: `verdict` is frozen, already, not_due, stopped, or refused_late; `rows` and `pending` count what was written."""

    verdict: str
    rows: int = 0
    pending: int = 0


def start_broadcast(broadcast_id: int) -> None:
    """RQ job: freeze a broadcast that is due and set its drains going."""
    house = current()
    house.queues.claimed(START, broadcast_id)
    freeze(house, broadcast_id)


def freeze(house: House, broadcast_id: int) -> Frozen:
    """Write the rows of a broadcast's wave if it is due: all of them or none, once, however often this is called.

    Found later than its grace after its time, it is refused and says so. Raises NotFoundError.
    """
    now = house.clock.now()
    with work(house.engine) as session:
        parked = _parked(house, session, broadcast_id)
        frozen = freeze_rows(session, broadcast_id, parked=parked, now=now)
        if frozen.verdict == "frozen":
            for account_id in _accounts_with_rows(session, broadcast_id):
                after_commit(session, partial(house.queues.wake, "send", DRAIN, broadcast_id, account_id, within_s=30))
    log.info("broadcast_frozen", broadcast=broadcast_id, verdict=frozen.verdict, rows=frozen.rows, pending=frozen.pending)
    return frozen


def freeze_rows(session: Session, broadcast_id: int, *, parked: Collection[int], now: datetime) -> Frozen:
    """The same inside the caller's transaction."""
    broadcast = session.get(Broadcast, broadcast_id, with_for_update={"key_share": True}, populate_existing=True)
    if broadcast is None:
        raise NotFoundError(f"没有群发 {broadcast_id} / there is no such broadcast", code="no_broadcast")
    verdict = _verdict(broadcast, now=now)
    if verdict == "refused_late":
        broadcast.refused_at = now
        note(session, broadcast, actor="fanka", action="refused_late", now=now)
    if verdict != "frozen":
        return Frozen(verdict)
    own_audience(session)
    rows, pending = _write_rows(session, broadcast, parked=parked, now=now)
    broadcast.frozen_wave = broadcast.wave
    broadcast.frozen_at = now
    note(session, broadcast, actor="fanka", action="freeze", now=now, detail={"wave": broadcast.wave, "rows": rows, "pending": pending})
    return Frozen("frozen", rows, pending)


def _verdict(broadcast: Broadcast, *, now: datetime) -> str:
    if broadcast.frozen_wave >= broadcast.wave:
        return "already"
    due = starts_at(broadcast)
    if broadcast.cancelled_at is not None or broadcast.paused_at is not None or broadcast.refused_at is not None:
        return "stopped"
    if due is None or now < due:
        return "not_due"
    if now > due + timedelta(seconds=broadcast.grace_s):
        return "refused_late"
    # Due in daylight but found in the quiet hours: that is a delay of ours, so it waits on until the grace is over or morning comes.
    return "frozen" if quiet_end(broadcast, now) is None else "not_due"


def _write_rows(session: Session, broadcast: Broadcast, *, parked: Collection[int], now: datetime) -> tuple[int, int]:
    chosen = audience(broadcast, now=now, parked=parked).subquery("chosen")
    columns = {
        "broadcast_id": literal(broadcast.id, BigInteger),
        "wave": literal(broadcast.wave),
        "customer_id": chosen.c.customer_id,
        "follower_id": chosen.c.follower_id,
        "account_id": chosen.c.account_id,
        "openid": chosen.c.openid,
        "bucket": chosen.c.bucket,
        "state": case((chosen.c.left_out_why.is_(None), DeliveryState.PENDING.value), else_=DeliveryState.LEFT_OUT.value),
        "left_out_why": chosen.c.left_out_why,
        "attempts": literal(0),
        "doubtful": false(),
        "frozen_at": literal(now),
    }
    session.execute(insert(Delivery).from_select(list(columns), select(*columns.values()).order_by(chosen.c.customer_id)))
    counted = session.execute(
        select(func.count(), func.count().filter(Delivery.state == DeliveryState.PENDING)).where(
            Delivery.broadcast_id == broadcast.id, Delivery.wave == broadcast.wave
        )
    ).one()
    return counted[0], counted[1]


def _parked(house: House, session: Session, broadcast_id: int) -> set[int]:
    """Accounts that cannot speak today: parked by WeChat, or with today's quota used up."""
    pace = Pace(house.redis, house.settings.redis_prefix)
    ids = session.scalars(select(BroadcastAccount.account_id).where(BroadcastAccount.broadcast_id == broadcast_id)).all()
    full = {account.id for account in house.accounts.all() if account.id in set(ids) and pace.used_today(account.id) >= account.per_day}
    return full | set(pace.parked(ids))


def _accounts_with_rows(session: Session, broadcast_id: int) -> list[int]:
    rows = (
        select(Delivery.account_id)
        .where(Delivery.broadcast_id == broadcast_id, Delivery.state == DeliveryState.PENDING, Delivery.account_id.is_not(None))
        .distinct()
    )
    return [account_id for account_id in session.scalars(rows.order_by(Delivery.account_id)) if account_id is not None]
