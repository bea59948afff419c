"""Who did not get it, one by one, with the reason: every row that is neither delivered, nor taken by WeChat, nor still to be sent."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.nouns import Account, Customer
from jobs.broadcasts.words import DELIVERY, ERRORS, LEFT_OUT, Words, words_for
from jobs.models import Delivery, DeliveryState

PAGE = 200
_MISSING = (
    DeliveryState.BLOCKED,
    DeliveryState.FAILED,
    DeliveryState.UNKNOWN,
    DeliveryState.UNDECIDED,
    DeliveryState.LEFT_OUT,
)


@dataclass(frozen=True, slots=True)
class Missed:
    """One person without the message. `customer` is None when the person was erased; `cursor` asks for what comes after."""

    customer: UUID | None
    appid: str | None
    wave: int
    state: str
    reason: str | None
    code: int | None
    rid: str | None
    first_attempt_at: datetime | None
    state_words: Words
    reason_words: Words | None
    cursor: int


def list_missing(
    session: Session, broadcast_id: int, *, after: int = 0, state: DeliveryState | None = None, limit: int = PAGE
) -> list[Missed]:
    """A page of those who did not get it, or of those in one state, from the cursor on."""
    query = (
        select(Delivery, Customer.public_id, Account.appid)
        .outerjoin(Customer, Customer.id == Delivery.customer_id)
        .outerjoin(Account, Account.id == Delivery.account_id)
        .where(Delivery.broadcast_id == broadcast_id, Delivery.id > after)
        .where(Delivery.state.in_([each.value for each in _MISSING]) if state is None else Delivery.state == state.value)
        .order_by(Delivery.id)
        .limit(min(max(limit, 1), PAGE))
    )
    return [
        Missed(
            customer=customer,
            appid=appid,
            wave=row.wave,
            state=row.state,
            reason=row.left_out_why or row.error_why,
            code=row.error_code,
            rid=row.rid,
            first_attempt_at=row.first_attempt_at,
            state_words=DELIVERY[row.state],
            reason_words=words_for(LEFT_OUT if row.state == "left_out" else ERRORS, row.left_out_why or row.error_why),
            cursor=row.id,
        )
        for row, customer, appid in session.execute(query)
    ]
