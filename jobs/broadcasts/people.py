"""Deliveries follow their people when two customers become one or one becomes two."""

from sqlalchemy import ColumnElement, Select, select, text, tuple_, update
from sqlalchemy.orm import Session

from app.core.nouns import Follower
from jobs.models import Delivery, DeliveryState

# Of two rows of one wave the one that got further is the person's; the other loses the link and, if it was not sent yet, is not sent.
_FURTHEST = (
    DeliveryState.LEFT_OUT,
    DeliveryState.PENDING,
    DeliveryState.FAILED,
    DeliveryState.UNDECIDED,
    DeliveryState.UNKNOWN,
    DeliveryState.SENDING,
    DeliveryState.BLOCKED,
    DeliveryState.SENT,
    DeliveryState.DELIVERED,
)
_PART = text(
    """
    UPDATE delivery d SET customer_id = :into
    WHERE d.id IN (SELECT id FROM delivery WHERE follower_id = :follower_id ORDER BY id FOR NO KEY UPDATE)
    """
)


def join_deliveries(session: Session, *, old: int, into: int) -> None:
    """Give the deliveries of customer `old`, whose followers are `into`'s by now, to `into`."""
    held = list(
        session.scalars(
            _locked(Delivery.customer_id == old, Delivery.follower_id.in_(select(Follower.id).where(Follower.customer_id == into)))
        )
    )
    waves: dict[tuple[int, int], list[Delivery]] = {(row.broadcast_id, row.wave): [row] for row in held}
    for row in session.scalars(_locked(Delivery.customer_id == into, tuple_(Delivery.broadcast_id, Delivery.wave).in_(sorted(waves)))):
        waves[row.broadcast_id, row.wave].append(row)
    for rows in waves.values():
        rows.sort(key=lambda row: (-_FURTHEST.index(DeliveryState(row.state)), row.id))
        for loser in rows[1:]:
            loser.customer_id = None
            if loser.state == DeliveryState.PENDING:
                loser.state, loser.left_out_why, loser.openid = DeliveryState.LEFT_OUT, "joined", None
    # Unlinked first: the key allows one row a person and wave.
    session.flush()
    winners = [rows[0].id for rows in waves.values() if rows[0].customer_id == old]
    session.execute(update(Delivery).where(Delivery.id.in_(winners)).values(customer_id=into))


def _locked(*conditions: ColumnElement[bool]) -> Select[Delivery]:
    found = select(Delivery).where(*conditions).order_by(Delivery.id)
    return found.with_for_update(key_share=True, of=Delivery).execution_options(populate_existing=True)


def part_deliveries(session: Session, *, follower_id: int, into: int) -> None:
    """Give the deliveries of a follower who got a customer of his own to that customer."""
    session.execute(_PART, {"follower_id": follower_id, "into": into})
