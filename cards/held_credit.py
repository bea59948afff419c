"""Points that wait for a person: an order credited to the staff of its own store, to somebody kept out, or too often by one clerk."""

from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.clock import business_day
from app.core.ids import new_public_id
from app.core.nouns import Customer
from app.core.people import Position, Staff
from cards.blocks import find_block
from cards.counter_report import BOOKED_BY
from cards.guards import Guarded, take
from cards.models.orders import RECEIPT, Purchase
from cards.models.redemption import Suspicion

AT_THE_COUNTER = ("pos", RECEIPT)
"""Where a clerk decides whose order it is. What a mall or WeChat Pay tells names its buyer by itself."""
MOST_BOOKED_FOR_ONE_DAY = 5
"""Orders one clerk may book for one customer on one day before somebody looks at them."""
HELD = ("own_credit", "blocked_credit", "many_for_one")
"""What a held order is called in the review queue."""
_SUSPICION = table_of(Suspicion)


def hold_credit(session: Session, purchase: Purchase, *, customer_id: int, actor: str, now: datetime) -> bool:
    """Whether an order's points have to wait for a verdict; then they are in the review queue. An order is asked about once."""
    person = session.get_one(Customer, customer_id)
    kind = _doubt(session, purchase, person, actor=actor, now=now)
    if not kind:
        return False
    clerk = session.scalar(select(Staff.id).where(Staff.login == actor.removeprefix(BOOKED_BY))) if actor.startswith(BOOKED_BY) else None
    row = {
        "public_id": new_public_id(),
        "kind": kind,
        "state": "open",
        "customer_id": customer_id,
        "staff_id": clerk,
        "store_id": purchase.store_id,
        "purchase_id": purchase.id,
        "detail": {"order_no": purchase.order_no, "source": purchase.source, "total_fen": purchase.total_fen, "by": actor},
        "at": now,
    }
    session.execute(pg_insert(_SUSPICION).values(row).on_conflict_do_nothing(index_elements=["purchase_id"]))
    return True


def is_held(session: Session, purchase_id: int) -> bool:
    """Whether an order's points wait for a verdict."""
    return session.scalar(select(Suspicion.id).where(Suspicion.purchase_id == purchase_id, Suspicion.state == "open")) is not None


def is_withheld(session: Session, purchase_id: int) -> bool:
    """Whether an order gives nothing: its points wait for a verdict, or were refused."""
    return session.scalar(select(Suspicion.id).where(Suspicion.purchase_id == purchase_id, Suspicion.state != "cleared")) is not None


def _doubt(session: Session, purchase: Purchase, person: Customer, *, actor: str, now: datetime) -> str:
    if find_block(session, person, now=now) is not None:
        return "blocked_credit"
    if purchase.source not in AT_THE_COUNTER:
        return ""
    if _works_there(session, purchase, person):
        return "own_credit"
    if actor.startswith(BOOKED_BY):
        often = Guarded(f"book:{actor.removeprefix(BOOKED_BY)}", MOST_BOOKED_FOR_ONE_DAY, person.id, business_day(now).isoformat())
        if take(session, [often]) is not None:
            return "many_for_one"
    return ""


def _works_there(session: Session, purchase: Purchase, person: Customer) -> bool:
    """Whether the buyer is one of those who stand at this store's counters: his number is a member of staff's."""
    hashes = [known for known in (person.phone_lookup, person.phone_lookup_next) if known is not None]
    if not hashes:
        return False
    covers = or_(
        Position.store_id == purchase.store_id,
        Position.business_unit_id == purchase.business_unit_id,
        and_(Position.store_id.is_(None), Position.business_unit_id.is_(None)),
    )
    his = or_(Staff.phone_lookup.in_(hashes), Staff.phone_lookup_next.in_(hashes))
    query = select(Staff.id).join(Position, Position.staff_id == Staff.id).where(his, Staff.active, covers)
    return session.scalar(query.limit(1)) is not None
