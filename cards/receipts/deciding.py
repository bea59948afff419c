"""Somebody at the store looks at a receipt and approves or refuses it, once, with a reason; approval alone is what makes it points."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.clock import SHANGHAI, business_day
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.gate import is_own
from app.core.nouns import Customer, Store
from app.core.registry import Registry
from app.core.secrets import KeyRing
from cards.blocks import find_block
from cards.guards import give_back
from cards.models.orders import RECEIPT, Purchase, Sku
from cards.models.programme import Programme
from cards.models.receipts import Receipt, ReceiptState
from cards.order_forms import AnyOrder
from cards.order_reads import lines_of
from cards.orders import book, credit, earned_of
from cards.phones import living_customer
from cards.receipt_doubles import find_booked, lock_slip
from cards.receipts.sending import Told, check_told, waiting_guard

SKU = "RECEIPT"
"""What is booked: the whole receipt as one line."""
_NOON = time(12)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody decided, and what he read on the picture where the customer wrote it differently."""

    decision: Literal["approve", "refuse"]
    reason: str
    number: str | None = None
    amount_fen: int | None = None
    paid_on: date | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """Who decides. `booked_by` is how the books name him; without a `store_id` he decides everywhere."""

    name: str
    booked_by: str
    staff_id: int | None = None
    store_id: int | None = None


def decide(
    session: Session, public_id: UUID, verdict: Verdict, *, judge: Judge, ring: KeyRing, registry: Registry, now: datetime
) -> Receipt:
    """Approve or refuse a receipt that waits. Nothing is written when it cannot be.

    Raises BadRequestError, NotFoundError, and ConflictError (own_receipt, customer_erased, blocked, already_decided, already_booked,
    amount_differs, partly_returned, receipt_known).
    """
    if not verdict.reason.strip():
        raise BadRequestError("请写明原因 / say why", code="reason_needed", status=422)
    receipt = _find(session, public_id, store_id=judge.store_id)
    if judge.staff_id is not None and is_own(session, judge.staff_id, receipt.customer_id):
        raise ConflictError("不能处理自己的小票，请同事来 / nobody decides on his own receipt; ask a colleague", code="own_receipt")
    if verdict.decision == "refuse":
        _close(session, _wait_for(session, receipt), {"state": ReceiptState.REFUSED}, verdict, judge=judge, now=now)
        _note(session, receipt, "receipt.refused", verdict, judge=judge, now=now, more={})
        return receipt
    customer = living_customer(session, receipt.customer_id)
    if customer.erased_at is not None:
        raise ConflictError(
            "这位会员已注销，资料已删除，不能入账 / this member was forgotten; nothing can be credited", code="customer_erased"
        )
    if find_block(session, customer, now=now) is not None:
        raise ConflictError("这位顾客暂时不能办理，请主管处理 / this cannot be done for this customer; ask your supervisor", code="blocked")
    programme, store = session.get_one(Programme, receipt.programme_id), session.get_one(Store, receipt.store_id)
    told, key = _read(receipt, verdict, store, programme)
    # The number before the row, as a till's order does it.
    lock_slip(session, store, [told.number])
    _wait_for(session, receipt)
    _check_free(session, receipt, key)
    into = _Into(customer, store, programme, registry, judge.booked_by, now)
    purchase = _credit_known(session, told, into) or _book(session, ring, receipt, told, into)
    values = {"state": ReceiptState.CREDITED, "purchase_id": purchase.id, "number": told.number, "slip_key": key}
    _close(session, receipt, {**values, "amount_fen": told.amount_fen, "paid_on": told.paid_on}, verdict, judge=judge, now=now)
    points = sum(each.points - each.taken_back for each in earned_of(session, purchase.id))
    more = {"order": f"{purchase.source}:{purchase.order_no}", "amount_fen": told.amount_fen, "points": points}
    _note(session, receipt, "receipt.approved", verdict, judge=judge, now=now, more={**more, "corrected": told.as_json() != receipt.said})
    return receipt


def _find(session: Session, public_id: UUID, *, store_id: int | None) -> Receipt:
    query = select(Receipt).where(Receipt.public_id == public_id)
    receipt = session.scalar(query if store_id is None else query.where(Receipt.store_id == store_id))
    if receipt is None:
        raise NotFoundError("没有这张小票 / there is no such receipt", code="no_receipt")
    return receipt


def _read(receipt: Receipt, verdict: Verdict, store: Store, programme: Programme) -> tuple[Told, str]:
    """What is booked: as the customer wrote it, where nobody read it differently."""
    told = Told(
        receipt.number if verdict.number is None else verdict.number,
        receipt.amount_fen if verdict.amount_fen is None else verdict.amount_fen,
        verdict.paid_on or receipt.paid_on,
    )
    return check_told(told, store, programme, sent_on=business_day(receipt.sent_at))


def _wait_for(session: Session, receipt: Receipt) -> Receipt:
    """Lock a receipt that still waits. Raises ConflictError when somebody was quicker."""
    session.refresh(receipt, with_for_update=True)
    if receipt.state != ReceiptState.WAITING:
        raise _decided()
    return receipt


def _check_free(session: Session, receipt: Receipt, key: str) -> None:
    """Raises ConflictError when another receipt has this number: under the number's lock none becomes credited meanwhile."""
    live = (ReceiptState.WAITING, ReceiptState.CREDITED)
    other = select(Receipt.id).where(Receipt.store_id == receipt.store_id, Receipt.slip_key == key, Receipt.id != receipt.id)
    if session.scalar(other.where(Receipt.state.in_(live)).limit(1)) is not None:
        raise _number_taken()


def _number_taken() -> ConflictError:
    return ConflictError(
        "这个单号还有另一张小票，请先核对那一张 / another receipt has this number; look at that one first", code="receipt_known"
    )


def _decided() -> ConflictError:
    return ConflictError("这张小票已经处理过或已撤回 / this receipt is decided already, or was taken back", code="already_decided")


@dataclass(frozen=True, slots=True)
class _Into:
    """Whose books, and who writes them."""

    customer: Customer
    store: Store
    programme: Programme
    registry: Registry
    actor: str
    now: datetime


def _credit_known(session: Session, told: Told, into: _Into) -> Purchase | None:
    """The order its till has told already, given to the customer if it is nobody's yet; None when nobody told it. Raises ConflictError."""
    found = find_booked(session, into.store, told.number, programme_id=into.programme.id)
    if found is None:
        return None
    if found.customer_id is not None or found.phone_lookup is not None:
        raise ConflictError(
            "收银系统已把这单记在会员名下，请拒绝 / the till has booked this purchase on a member already; refuse it", code="already_booked"
        )
    if found.total_fen != told.amount_fen:
        raise ConflictError(
            f"收银系统里这单是 {_yuan(found.total_fen)} 元，请核对单号和金额 / "
            f"the till says {_yuan(found.total_fen)} yuan: check number and amount",
            code="amount_differs",
        )
    if any(line.returned_qty for line in lines_of(session, found.id)):
        raise ConflictError("这单已有退货，请到收银处处理 / goods of it came back already", code="partly_returned")
    credit(
        session,
        found,
        customer_id=into.customer.id,
        programme=into.programme,
        registry=into.registry,
        actor=into.actor,
        now=into.now,
    )
    return found


def _book(session: Session, ring: KeyRing, receipt: Receipt, told: Told, into: _Into) -> Purchase:
    """An order nobody else told. It is paid at noon of its day, or when the receipt was sent if that was earlier."""
    _know_sku(session, into.store.business_unit_id)
    order = AnyOrder.model_validate(
        {
            "source": RECEIPT,
            "order_no": _order_no(session, into.store, told.number),
            "store": str(into.store.public_id),
            "paid_at": min(datetime.combine(told.paid_on, _NOON, SHANGHAI), receipt.sent_at),
            "customer": into.customer.public_id,
            "lines": [{"sku": SKU, "amount_fen": told.amount_fen}],
        }
    )
    booked = book(session, order, programme_id=into.programme.id, ring=ring, registry=into.registry, actor=into.actor, now=into.now)
    if not booked.fresh:
        raise ConflictError("这张小票以前入过账，请拒绝 / this receipt was credited before; refuse it", code="already_booked")
    return booked.purchase


def _order_no(session: Session, store: Store, number: str) -> str:
    """Unique over all stores, and what the customer finds in his statement; two units may use one store code."""
    plain = number.removeprefix(f"{store.code}-")
    shared = session.scalar(select(func.count()).select_from(Store).where(Store.code == store.code)) or 0
    return f"{store.code}-{plain}" if shared == 1 and store.code.isascii() else f"{store.public_id.hex[-8:]}-{plain}"


def _know_sku(session: Session, unit_id: int) -> None:
    """A unit that keeps a list of goods knows receipts, too."""
    if session.scalar(select(Sku.id).where(Sku.business_unit_id == unit_id).limit(1)) is not None:
        row = {"business_unit_id": unit_id, "code": SKU, "name": "小票补录", "category": "", "active": True}
        session.execute(pg_insert(table_of(Sku)).values(row).on_conflict_do_nothing())


def _close(session: Session, receipt: Receipt, values: dict[str, Any], verdict: Verdict, *, judge: Judge, now: datetime) -> None:
    """Write the verdict down, once: one guarded UPDATE, and the customer may send another."""
    said = {"reason": verdict.reason.strip()[:200], "decided_at": now, "decided_by": judge.name[:64]}
    change = update(Receipt).where(Receipt.id == receipt.id, Receipt.state == ReceiptState.WAITING).values({**values, **said})
    try:
        with session.begin_nested():
            moved = session.execute(change.execution_options(synchronize_session=False))
    except IntegrityError as error:
        raise _number_taken() from error
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE answers with a cursor result.
        raise _decided()
    session.refresh(receipt)
    give_back(session, [waiting_guard(receipt.customer_id)])


def _note(session: Session, receipt: Receipt, action: str, verdict: Verdict, *, judge: Judge, now: datetime, more: dict[str, Any]) -> None:
    detail = {"store_id": receipt.store_id, "reason": verdict.reason.strip()[:200], **more}
    note(session, at=now, actor=judge.name, action=action, object_type="receipt", object_id=receipt.public_id, detail=detail)


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
