"""A payment that booked itself and the order its till told are one purchase: found by number, or when each is the only one the other can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, Select, and_, exists, literal, or_, select, text
from sqlalchemy.orm import Session, aliased

from app.core.audit import note
from app.core.errors import ConflictError, NotFoundError
from app.core.registry import Registry
from app.core.secrets import KeyRing
from cards.buyers import find_store
from cards.models.orders import Purchase
from cards.models.payments import PayMerchant, PayNotice
from cards.models.programme import Programme
from cards.order_forms import OrderIn, ReturnIn
from cards.order_reads import lines_of
from cards.order_returns import book_return
from cards.orders import Booked, book, credit, earned_of
from cards.phones import living_customer
from cards.taking_back import can_go_back

SOURCE, WECHAT = "wechat_pay", "wechat_pay"
WINDOW = timedelta(minutes=10)
"""How far the clocks of a till and of WeChat Pay, and the two moments they call paid, may lie apart."""
_SPAN = literal(WINDOW, Interval())
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 12))")


@dataclass(frozen=True, slots=True)
class Double:
    """An order paid by WeChat and payments it could be: a person says which. All of them are booked as long as nobody does."""

    order: Purchase
    payments: Sequence[Purchase]


def lock_payment(session: Session, *, store_id: int, amount_fen: int, numbers: Sequence[str | None]) -> None:
    """Let one transaction at a time match what may belong together: before anything of either is written, in one order for all."""
    for key in sorted({f"pay:{store_id}:{amount_fen}", *(f"pay:no:{number}" for number in numbers if number)}):
        session.execute(_LOCK, {"key": key})


def book_paid(
    session: Session,
    order: OrderIn,
    *,
    programme_id: int,
    ring: KeyRing,
    registry: Registry,
    actor: str,
    now: datetime,
    unit_id: int | None = None,
) -> Booked:
    """Book an order; if WeChat Pay told its payment before, the order takes the place of what the notice booked, and points are posted once.

    Where the payment's points are spent and the programme would not be owed them, the payment stands and the order earns nothing.

    Raises what `book` raises, and ConflictError (payment_differs) when it names a payment of another amount.
    """
    by_wechat = order.payment is not None and order.payment.method == WECHAT
    numbers = [order.order_no]
    if order.payment is not None:
        numbers += [number for number in (order.payment.transaction_id, order.payment.out_trade_no) if number]
    watched = _watched(session)
    if watched:
        store_id = _store_of(session, order, unit_id=unit_id)
        lock_payment(session, store_id=store_id, amount_fen=order.paid_fen, numbers=numbers)
    found: list[Purchase] = []

    def stands_aside(purchase: Purchase, owner: int | None) -> bool:
        payment = _by_number(session, purchase, numbers) or (_only_payment(session, purchase, owner=owner) if by_wechat else None)
        if payment is None:
            return False
        found.append(payment)
        return _has_earned_for_good(session, payment, told=purchase, owner=owner, actor=actor, now=now)

    booked = book(
        session,
        order,
        programme_id=programme_id,
        ring=ring,
        registry=registry,
        actor=actor,
        now=now,
        unit_id=unit_id,
        aside=stands_aside if watched and order.source != SOURCE else None,
    )
    purchase = booked.purchase
    if not found or purchase.replaced_by_id is not None:
        return booked
    try:
        with session.begin_nested():
            replace_payment(session, found[0], by=purchase, registry=registry, actor=actor, now=now)
    except ConflictError:
        # Something of it was refunded: both stay, and a person sees them.
        session.refresh(purchase)
    return Booked(purchase, earned_of(session, purchase.id), fresh=True)


def _has_earned_for_good(session: Session, payment: Purchase, *, told: Purchase, owner: int | None, actor: str, now: datetime) -> bool:
    """Whether a payment's points are spent and would not be owed: then it stands, and the order its till told earns nothing."""
    programme = session.get_one(Programme, payment.programme_id)
    if any(line.returned_qty for line in lines_of(session, payment.id)) or can_go_back(session, payment, owner=owner, programme=programme):
        return False
    told.replaced_by_id = payment.id
    session.flush()
    detail = {"order": f"{told.source}:{told.order_no}", "payment": payment.order_no, "outcome": "order_stands_aside"}
    note(session, at=now, actor=actor, action="payment.matched", object_type="purchase", object_id=told.public_id, detail=detail)
    return True


def order_told(
    session: Session,
    *,
    store_id: int,
    unit_id: int,
    out_trade_no: str,
    transaction_id: str,
    amount_fen: int,
    customer_id: int | None,
    paid_at: datetime,
) -> Purchase | None:
    """The order a till told before its payment's notice came, locked; None when there is none, or more than one that it could be."""
    numbers = (out_trade_no, transaction_id)
    named = select(Purchase).where(
        Purchase.source != SOURCE,
        Purchase.business_unit_id == unit_id,
        or_(Purchase.order_no == out_trade_no, Purchase.pay_trade_no.in_(numbers), Purchase.pay_transaction_id.in_(numbers)),
        _unmatched(),
    )
    found = session.scalar(_locked(named.order_by(Purchase.id).limit(1)))
    if found is not None:
        return found
    rivals = session.scalars(_locked(_orders_near(store_id=store_id, amount_fen=amount_fen, at=paid_at).limit(2))).all()
    if len(rivals) != 1 or not _same_person(session, rivals[0].customer_id, customer_id) or _waits_for_phone(rivals[0]):
        return None
    # A payment that is booked already and could be this order too makes it a question for a person.
    others = session.scalars(_payments_near(store_id=store_id, amount_fen=amount_fen, at=rivals[0].paid_at).limit(1)).all()
    return None if others else rivals[0]


def replace_payment(session: Session, payment: Purchase, *, by: Purchase, registry: Registry, actor: str, now: datetime) -> None:
    """Put a till's order in the place of the purchase a notice booked: its points go back, the order's stand, and the notice names the order.

    Raises ConflictError when something of the payment came back already, or its points are spent and nobody would owe them.
    """
    if any(line.returned_qty for line in lines_of(session, payment.id)):
        raise ConflictError("这笔付款已有退款，不能再合并 / a part of this payment was refunded already", code="payment_returned")
    programme = session.get_one(Programme, by.programme_id)
    if not can_go_back(session, payment, owner=by.customer_id, programme=programme):
        raise ConflictError("这笔付款的积分已用掉，不能收回 / the points of this payment are spent and not taken back", code="points_spent")
    lines = [{"line_no": line.line_no, "quantity": line.quantity} for line in lines_of(session, payment.id)]
    back = ReturnIn.model_validate({"return_no": f"told:{by.public_id}", "returned_at": max(now, payment.paid_at), "lines": lines})
    book_return(session, back, source=payment.source, order_no=payment.order_no, registry=registry, actor=actor, now=now)
    payment.replaced_by_id = by.id
    for kept in session.scalars(select(PayNotice).where(PayNotice.purchase_id == payment.id).with_for_update()):
        kept.purchase_id, kept.state = by.id, "matched"
    session.flush()
    if by.customer_id is None and by.phone_lookup is None and payment.customer_id is not None:
        credit(session, by, customer_id=payment.customer_id, programme=programme, registry=registry, actor=actor, now=now)
    detail = {"order": f"{by.source}:{by.order_no}", "payment": payment.order_no}
    note(session, at=now, actor=actor, action="payment.matched", object_type="purchase", object_id=by.public_id, detail=detail)


def match_by_hand(session: Session, order: UUID, payment: str, *, registry: Registry, actor: str, now: datetime) -> Purchase:
    """A person says that an order and a payment (by its transaction id) are one. Raises NotFoundError, ConflictError."""
    told = session.scalar(_locked(select(Purchase).where(Purchase.public_id == order, Purchase.source != SOURCE)))
    paid = session.scalar(_locked(select(Purchase).where(Purchase.source == SOURCE, Purchase.order_no == payment)))
    if told is None or paid is None:
        raise NotFoundError("没有这个订单或这笔付款 / there is no such order or payment", code="no_order")
    noticed = session.scalar(select(PayNotice.id).where(PayNotice.purchase_id == told.id).limit(1)) is not None
    if noticed or paid.replaced_by_id is not None or told.replaced_by_id is not None:
        raise ConflictError("其中一个已经匹配过 / one of them is matched already", code="already_matched")
    if told.total_fen != amount_of(session, paid) or told.programme_id != paid.programme_id:
        raise ConflictError("金额不同，不能匹配 / their amounts differ", code="payment_differs")
    replace_payment(session, paid, by=told, registry=registry, actor=actor, now=now)
    return told


def open_doubles(session: Session, *, limit: int = 50, after: UUID | None = None) -> list[Double]:
    """Orders paid by WeChat that some payment could be, the oldest first: booked twice until somebody says."""
    query = select(Purchase).where(Purchase.pay_method == WECHAT, Purchase.source != SOURCE, _unmatched())
    payment, told = aliased(Purchase), aliased(PayNotice)
    near = and_(
        Purchase.pay_transaction_id.is_(None),
        Purchase.pay_trade_no.is_(None),
        payment.store_id == Purchase.store_id,
        payment.paid_at.between(Purchase.paid_at - _SPAN, Purchase.paid_at + _SPAN),
        told.amount_fen == Purchase.total_fen,
    )
    named = or_(told.transaction_id == Purchase.pay_transaction_id, told.out_trade_no == Purchase.pay_trade_no)
    open_one = (payment.source == SOURCE, payment.replaced_by_id.is_(None), told.purchase_id == payment.id, told.state == "booked")
    query = query.where(exists().where(*open_one, told.refund_id.is_(None), or_(near, named))).order_by(Purchase.id)
    if after is not None:
        query = query.where(Purchase.id > select(Purchase.id).where(Purchase.public_id == after).scalar_subquery())
    return [Double(order, session.scalars(_payments_of(order).limit(20)).all()) for order in session.scalars(query.limit(limit))]


def _watched(session: Session) -> bool:
    """Whether any merchant's notices come here at all: without one, an order costs nothing more than before."""
    return session.scalar(select(PayMerchant.id).limit(1)) is not None


def _store_of(session: Session, order: OrderIn, *, unit_id: int | None) -> int:
    return find_store(session, order.store, unit_id=unit_id).id


def _by_number(session: Session, purchase: Purchase, numbers: Sequence[str]) -> Purchase | None:
    """The payment an order names by one of its numbers. Raises ConflictError for one of another amount."""
    told = or_(PayNotice.transaction_id.in_(numbers), PayNotice.out_trade_no.in_(numbers))
    query = select(Purchase).where(Purchase.source == SOURCE, Purchase.replaced_by_id.is_(None), _told_by(told))
    query = query.where(Purchase.business_unit_id == purchase.business_unit_id, Purchase.programme_id == purchase.programme_id)
    found = session.scalar(_locked(query.order_by(Purchase.id).limit(1)))
    if found is None:
        return None
    paid_fen = amount_of(session, found)
    if paid_fen != purchase.total_fen:
        raise ConflictError(
            f"微信支付 {paid_fen} 分，与订单 {purchase.total_fen} 分不符 / "
            f"WeChat Pay took {paid_fen} fen, and the order came to {purchase.total_fen}",
            code="payment_differs",
        )
    return found


def _only_payment(session: Session, purchase: Purchase, *, owner: int | None) -> Purchase | None:
    """The payment that is this order's when neither can be another's; None when there is any doubt."""
    if purchase.pay_transaction_id is not None or purchase.pay_trade_no is not None:
        # It names its payment, which has not come yet.
        return None
    near = _payments_near(store_id=purchase.store_id, amount_fen=purchase.total_fen, at=purchase.paid_at)
    found = session.scalars(_locked(near.limit(2))).all()
    if len(found) != 1 or any(line.returned_qty for line in lines_of(session, found[0].id)):
        return None
    rivals = _orders_near(store_id=purchase.store_id, amount_fen=purchase.total_fen, at=found[0].paid_at)
    alone = session.scalar(rivals.where(Purchase.id != purchase.id).limit(1)) is None
    return found[0] if alone and _same_person(session, owner, found[0].customer_id) else None


def _payments_near(*, store_id: int, amount_fen: int, at: datetime) -> Select[Purchase]:
    """Payments that booked themselves and stand for no order yet."""
    return (
        select(Purchase)
        .where(Purchase.source == SOURCE, Purchase.store_id == store_id, _told_by(PayNotice.amount_fen == amount_fen))
        .where(Purchase.paid_at.between(at - WINDOW, at + WINDOW), Purchase.replaced_by_id.is_(None))
        .order_by(Purchase.paid_at, Purchase.id)
    )


def _payments_of(order: Purchase) -> Select[Purchase]:
    """The payments an order could be: the one it names, else those near it."""
    if order.pay_transaction_id is None and order.pay_trade_no is None:
        return _payments_near(store_id=order.store_id, amount_fen=order.total_fen, at=order.paid_at)
    told = _told_by(or_(PayNotice.transaction_id == order.pay_transaction_id, PayNotice.out_trade_no == order.pay_trade_no))
    return select(Purchase).where(Purchase.source == SOURCE, Purchase.replaced_by_id.is_(None), told).order_by(Purchase.id)


def _orders_near(*, store_id: int, amount_fen: int, at: datetime) -> Select[Purchase]:
    """Orders paid by WeChat that name no payment and have none yet."""
    return (
        select(Purchase)
        .where(Purchase.pay_method == WECHAT, Purchase.source != SOURCE, Purchase.store_id == store_id, Purchase.total_fen == amount_fen)
        .where(Purchase.pay_transaction_id.is_(None), Purchase.pay_trade_no.is_(None))
        .where(Purchase.paid_at.between(at - WINDOW, at + WINDOW), _unmatched())
        .order_by(Purchase.paid_at, Purchase.id)
    )


def amount_of(session: Session, payment: Purchase) -> int:
    """What a payment came to in fen, as WeChat Pay told it: a coupon of WeChat's own is a part of it."""
    query = select(PayNotice.amount_fen).where(PayNotice.purchase_id == payment.id, PayNotice.refund_id.is_(None))
    return session.scalar(query.order_by(PayNotice.id).limit(1)) or payment.total_fen


def _told_by(told: ColumnElement[bool]) -> ColumnElement[bool]:
    """That a notice of this kind booked the purchase. Several notices of one payment are one."""
    return exists().where(PayNotice.purchase_id == Purchase.id, PayNotice.state == "booked", PayNotice.refund_id.is_(None), told)


def _unmatched() -> ColumnElement[bool]:
    """Orders that stand and that no payment is known of."""
    told = exists().where(PayNotice.purchase_id == Purchase.id, PayNotice.refund_id.is_(None))
    return and_(Purchase.replaced_by_id.is_(None), ~told)


def _locked(query: Select[Purchase]) -> Select[Purchase]:
    return query.with_for_update(of=Purchase, key_share=True).execution_options(populate_existing=True)


def _same_person(session: Session, one: int | None, other: int | None) -> bool:
    """Whether two may be the same; somebody unknown may be anybody."""
    if one is None or other is None:
        return True
    return living_customer(session, one).id == living_customer(session, other).id


def _waits_for_phone(order: Purchase) -> bool:
    """An order that waits for the owner of a phone number: who paid may be somebody else."""
    return order.customer_id is None and order.phone_lookup is not None
