"""One purchase told twice, by its till and by a receipt: found by store and number under one lock, so that it earns once."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.clock import SHANGHAI
from app.core.errors import ConflictError
from app.core.nouns import Store
from app.core.registry import Registry
from cards.buyers import Buyer
from cards.models.orders import RECEIPT, Purchase
from cards.models.payments import PayNotice
from cards.models.programme import Programme
from cards.models.receipts import Receipt, ReceiptState
from cards.order_forms import ReturnIn
from cards.order_reads import lines_of
from cards.order_returns import book_return
from cards.slips import slip_key
from cards.taking_back import can_go_back

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 14))")
_OF_SOMEBODY_ELSE = "收银系统把这张小票记在另一位会员名下，积分已收回"


def lock_slip(session: Session, store: Store, numbers: Iterable[str], *, source: str = "") -> None:
    """Let one transaction at a time decide about a number of a store: before anything of it is written, in one order for all."""
    if source == RECEIPT:
        # Whoever approves a receipt holds the lock of its number already.
        return
    for key in _keys(store, numbers):
        session.execute(_LOCK, {"key": f"slip:{store.id}:{key}"})


def find_booked(session: Session, store: Store, number: str, *, programme_id: int) -> Purchase | None:
    """The order on record that a receipt's number means, locked: the till's own number, or one of WeChat Pay's. None when nobody told it."""
    here = (
        Purchase.store_id == store.id,
        Purchase.programme_id == programme_id,
        Purchase.source != RECEIPT,
        Purchase.replaced_by_id.is_(None),
    )
    paid = select(PayNotice.purchase_id).where(or_(PayNotice.transaction_id == number, PayNotice.out_trade_no == number))
    for same in (
        Purchase.slip_key == slip_key(number, store_code=store.code),
        or_(Purchase.pay_transaction_id == number, Purchase.pay_trade_no == number),
        Purchase.id.in_(paid.where(PayNotice.refund_id.is_(None))),
    ):
        query = select(Purchase).where(*here, same).order_by(Purchase.id).limit(1).with_for_update(key_share=True)
        found = session.scalar(query.execution_options(populate_existing=True))
        if found is not None:
            return found
    return None


def find_alike(session: Session, receipt: Receipt, *, limit: int = 3) -> Sequence[Purchase]:
    """Orders of the same store, day and amount under other numbers: perhaps the same purchase, for a person to judge."""
    begins = datetime(receipt.paid_on.year, receipt.paid_on.month, receipt.paid_on.day, tzinfo=SHANGHAI)
    query = (
        select(Purchase)
        .where(Purchase.store_id == receipt.store_id, Purchase.paid_at >= begins, Purchase.paid_at < begins + timedelta(days=1))
        .where(Purchase.total_fen == receipt.amount_fen, Purchase.replaced_by_id.is_(None))
        .order_by(Purchase.paid_at, Purchase.id)
    )
    return session.scalars(query.limit(limit)).all()


def find_stand_in(session: Session, purchase: Purchase, store: Store, *, also: Sequence[str] = ()) -> Receipt | None:
    """The receipt that was credited for a purchase before its till told it, locked."""
    if purchase.source == RECEIPT:
        return None
    query = (
        select(Receipt)
        .join(Purchase, Purchase.id == Receipt.purchase_id)
        .where(Receipt.store_id == store.id, Receipt.slip_key.in_(_keys(store, (purchase.order_no, *also))))
        .where(Receipt.state == ReceiptState.CREDITED, Receipt.programme_id == purchase.programme_id, Purchase.source == RECEIPT)
        .order_by(Receipt.id)
        .limit(1)
        .with_for_update(of=Receipt)
    )
    return session.scalar(query.execution_options(populate_existing=True))


def make_way(
    session: Session,
    receipt: Receipt,
    told: Purchase,
    *,
    buyer: Buyer,
    programme: Programme,
    registry: Registry,
    actor: str,
    now: datetime,
) -> int | None:
    """Let the order a till told stand in the place of a receipt's; says whose it is, None for nobody (yet).

    The receipt's points go back and the order earns by its own lines. Where they cannot go back whole, they stay, and the order counts for
    nothing.
    """
    old = session.get_one(Purchase, receipt.purchase_id)
    named = buyer.customer_id is not None or buyer.phone is not None
    owner = buyer.customer_id if named else receipt.customer_id
    try:
        with session.begin_nested():
            _take_whole_back(session, old, told, owner=owner, programme=programme, registry=registry, actor=actor, now=now)
    except ConflictError:
        session.refresh(told)
        told.replaced_by_id = old.id
        owner, outcome = None, "order_stands_aside"
    else:
        old.replaced_by_id = told.id
        outcome = "receipt_made_way"
        if owner == receipt.customer_id:
            receipt.purchase_id = told.id
        else:
            receipt.state, receipt.purchase_id, receipt.reason = ReceiptState.REFUSED, None, _OF_SOMEBODY_ELSE
    session.flush()
    detail = {"order": f"{told.source}:{told.order_no}", "outcome": outcome}
    note(session, at=now, actor=actor, action="receipt.matched", object_type="receipt", object_id=receipt.public_id, detail=detail)
    return owner


def _take_whole_back(
    session: Session,
    old: Purchase,
    told: Purchase,
    *,
    owner: int | None,
    programme: Programme,
    registry: Registry,
    actor: str,
    now: datetime,
) -> None:
    """Return everything of a receipt's order. Raises ConflictError when its points are not all there and nobody would owe them."""
    if not can_go_back(session, old, owner=owner, programme=programme):
        raise ConflictError("小票的积分已用掉 / the receipt's points are spent", code="points_spent")
    lines = lines_of(session, old.id)
    if any(line.returned_qty for line in lines):
        raise ConflictError("小票的商品已退 / goods of the receipt came back", code="partly_returned")
    back = {
        "return_no": f"told:{told.public_id}",
        "returned_at": max(now, old.paid_at),
        "lines": [{"line_no": line.line_no, "quantity": line.quantity} for line in lines],
    }
    book_return(session, ReturnIn.model_validate(back), source=old.source, order_no=old.order_no, registry=registry, actor=actor, now=now)


def _keys(store: Store, numbers: Iterable[str]) -> list[str]:
    return sorted({key for number in numbers if (key := slip_key(number, store_code=store.code)) is not None})
