"""Lanes: the leased right to drain one account of one broadcast, so that a drain that died is replaced and a living one is not joined."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

LEASE = timedelta(seconds=90)

_TAKE = text(
    """
    INSERT INTO broadcast_lane AS l (broadcast_id, account_id, lane, owner, lease_until)
    SELECT :broadcast_id, :account_id, n, :owner, :lease_until
    FROM generate_series(0, :lanes - 1) AS n
    WHERE NOT EXISTS (
        SELECT 1 FROM broadcast_lane held
        WHERE held.broadcast_id = :broadcast_id AND held.account_id = :account_id AND held.lane = n AND held.lease_until > :now
    )
    ORDER BY n LIMIT 1
    ON CONFLICT (broadcast_id, account_id, lane) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until
    WHERE l.lease_until <= :now
    RETURNING lane
    """
)
_KEEP = text(
    """
    UPDATE broadcast_lane l SET lease_until = :lease_until
    FROM broadcast b
    WHERE l.broadcast_id = :broadcast_id AND l.account_id = :account_id AND l.lane = :lane AND l.owner = :owner AND b.id = l.broadcast_id
    RETURNING b.paused_at IS NOT NULL OR b.cancelled_at IS NOT NULL AS stopped
    """
)
_LEAVE = text(
    """
    UPDATE broadcast_lane SET lease_until = :now
    WHERE broadcast_id = :broadcast_id AND account_id = :account_id AND lane = :lane AND owner = :owner
    """
)


@dataclass(frozen=True, slots=True)
class Run:
    """One drain's hold on a lane. `owner` is new for every drain, so an older one that wakes up again holds nothing."""

    broadcast_id: int
    account_id: int
    lane: int
    owner: UUID

    def keys(self) -> dict[str, object]:
        return {"broadcast_id": self.broadcast_id, "account_id": self.account_id, "lane": self.lane, "owner": self.owner}


def take_lane(session: Session, broadcast_id: int, account_id: int, *, lanes: int, now: datetime) -> Run | None:
    """A free lane, or None when living drains hold all of them."""
    owner = uuid4()
    values = {
        "broadcast_id": broadcast_id,
        "account_id": account_id,
        "owner": owner,
        "lanes": lanes,
        "now": now,
        "lease_until": now + LEASE,
    }
    for _ in range(lanes):
        # Two who reach for the same lane at once: the second finds it taken and tries the next one.
        lane = session.scalar(_TAKE, values)
        if lane is not None:
            return Run(broadcast_id, account_id, lane, owner)
    return None


def keep_lane(session: Session, run: Run, *, now: datetime) -> bool:
    """Renew the lease. False when the lane is somebody else's by now, or the broadcast was paused or cancelled."""
    stopped = session.scalar(_KEEP, {**run.keys(), "lease_until": now + LEASE})
    return stopped is False


def leave_lane(session: Session, run: Run, *, now: datetime) -> None:
    """Give the lane back, if it is still ours."""
    session.execute(_LEAVE, {**run.keys(), "now": now})
