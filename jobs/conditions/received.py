"""Got a broadcast, or was meant to and did not: 收到群发."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import StringConstraints
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.core.errors import NotFoundError
from jobs.models import Broadcast, Delivery, DeliveryState
from tagging.condition import Condition, ConditionParams


class Outcome(StrEnum):
    """What became of the message, as a marketer asks."""

    TAKEN = "taken"
    """WeChat took it, with or without a receipt so far."""
    DELIVERED = "delivered"
    MISSED = "missed"
    """Blocked, failed or left out."""
    UNKNOWN = "unknown"


_STATES = {
    Outcome.TAKEN: (DeliveryState.SENT, DeliveryState.DELIVERED),
    Outcome.DELIVERED: (DeliveryState.DELIVERED,),
    Outcome.MISSED: (DeliveryState.BLOCKED, DeliveryState.FAILED, DeliveryState.LEFT_OUT),
    Outcome.UNKNOWN: (DeliveryState.UNKNOWN, DeliveryState.UNDECIDED),
}


class ReceivedParams(ConditionParams):
    broadcast: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
    """The key it was planned under."""
    outcome: Outcome = Outcome.TAKEN


class Received(Condition):
    name = "received_broadcast"
    title = "收到群发 · got the broadcast"
    params = ReceivedParams

    def compile(self, params: ReceivedParams, *, now: datetime) -> Select[Any]:
        del now
        broadcast = select(Broadcast.id).where(Broadcast.key == params.broadcast).scalar_subquery()
        states = [state.value for state in _STATES[params.outcome]]
        # A customer may have a row in each wave.
        return (
            select(Delivery.customer_id)
            .where(Delivery.broadcast_id == broadcast, Delivery.customer_id.is_not(None), Delivery.state.in_(states))
            .distinct()
        )

    def verify(self, session: Session, params: ReceivedParams) -> None:
        if session.scalar(select(Broadcast.id).where(Broadcast.key == params.broadcast)) is None:
            raise NotFoundError(f"there is no broadcast {params.broadcast}", code="no_such_reference")

    def explain(self, session: Session, params: ReceivedParams, customer_id: int, *, now: datetime) -> str:
        del now
        query = (
            select(Delivery.state, Delivery.wave)
            .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
            .where(Broadcast.key == params.broadcast, Delivery.customer_id == customer_id)
            .order_by(Delivery.wave)
        )
        found = [f"wave {wave}: {state}" for state, wave in session.execute(query)]
        return f"{params.broadcast}: {', '.join(found) or 'not among its recipients'}"


plugin = Received()
