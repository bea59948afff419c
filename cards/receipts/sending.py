"""A customer sends a receipt in, or takes it back while it waits: bounded, once per form, and once per number and store."""

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.clock import business_day
from app.core.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from app.core.ids import new_public_id
from app.core.nouns import Customer, Store
from app.core.secrets import KeyRing
from cards.blocks import find_block
from cards.guards import Guarded, give_back, take
from cards.models.programme import Programme
from cards.models.receipts import Receipt, ReceiptState
from cards.receipts.pictures import drop_picture, keep_picture
from cards.rulebook import rules_at
from cards.slips import slip_key

HEARS = "order.placed"
MOST_WAITING = 5
MOST_A_DAY = 5
MOST_FEN = 100_000_000
"""A million yuan: more is a slip of the finger."""
_RECEIPT = table_of(Receipt)


@dataclass(frozen=True, slots=True)
class Told:
    """What a receipt says: its number, what was paid in fen, and the day (Asia/Shanghai)."""

    number: str
    amount_fen: int
    paid_on: date

    def as_json(self) -> dict[str, object]:
        return {"number": self.number, "amount_fen": self.amount_fen, "paid_on": self.paid_on.isoformat()}


def takes_receipts(session: Session, programme: Programme, *, now: datetime) -> bool:
    """Whether receipts can be sent in: not switched off, and some rule in force rewards purchases."""
    return programme.receipt_days > 0 and bool(rules_at(session, programme_id=programme.id, at=now, hears=HEARS))


def find_sent(session: Session, form_key: UUID, *, customer_id: int) -> Receipt | None:
    """What this form brought before; None for a new one. Raises ForbiddenError for somebody else's form."""
    known = session.scalar(select(Receipt).where(Receipt.form_key == form_key))
    if known is not None and known.customer_id != customer_id:
        raise ForbiddenError("页面已过期，请返回重试 / this page is too old; go back and try again", code="foreign_form")
    return known


def send(
    session: Session,
    ring: KeyRing,
    told: Told,
    *,
    store_id: UUID,
    picture: bytes,
    form_key: UUID,
    customer: Customer,
    programme: Programme,
    device: int | None,
    now: datetime,
) -> Receipt:
    """Put a receipt into its store's queue, with a picture that `draw_anew` made. The same form again answers as before.

    Raises ForbiddenError, ConflictError (receipts_off, receipt_known, too_many_receipts), BadRequestError (422) for what cannot be on a receipt.
    """
    known = find_sent(session, form_key, customer_id=customer.id)
    if known is not None:
        return known
    if not takes_receipts(session, programme, now=now) or find_block(session, customer, now=now, device=device) is not None:
        # Nobody is told that he is on a list.
        raise ConflictError("现在不能提交小票 / receipts cannot be sent in at the moment", code="receipts_off")
    store = session.scalar(select(Store).where(Store.public_id == store_id))
    if store is None:
        raise BadRequestError("请选择门店 / choose the store", code="unknown_store", status=422)
    tidy, key = check_told(told, store, programme, sent_on=business_day(now))
    row = {
        "public_id": new_public_id(),
        "form_key": form_key,
        "programme_id": programme.id,
        "customer_id": customer.id,
        "store_id": store.id,
        "number": tidy.number,
        "slip_key": key,
        "amount_fen": tidy.amount_fen,
        "paid_on": tidy.paid_on,
        "said": tidy.as_json(),
        "state": ReceiptState.WAITING,
        "reason": "",
        "sent_at": now,
    }
    made = session.scalar(pg_insert(_RECEIPT).values(row).on_conflict_do_nothing().returning(_RECEIPT.c.id))
    if made is None:
        twin = find_sent(session, form_key, customer_id=customer.id)
        if twin is None:
            raise ConflictError("这张小票已经提交过 / this receipt was sent in already", code="receipt_known")
        return twin
    if take(session, _limits(customer.id, now=now)) is not None:
        raise ConflictError(
            f"每天最多提交 {MOST_A_DAY} 张，同时最多 {MOST_WAITING} 张待审核 / "
            f"at most {MOST_A_DAY} receipts a day, and {MOST_WAITING} that wait at a time",
            code="too_many_receipts",
            status=429,
        )
    receipt = session.get_one(Receipt, made)
    keep_picture(session, ring, receipt, picture)
    _note(session, receipt, "receipt.sent", actor="h5", now=now)
    return receipt


def withdraw(session: Session, public_id: UUID, *, customer_id: int, now: datetime) -> None:
    """Take a receipt of one's own back while nobody has looked at it. Raises NotFoundError, ConflictError."""
    receipt = session.scalar(select(Receipt).where(Receipt.public_id == public_id, Receipt.customer_id == customer_id))
    if receipt is None:
        raise NotFoundError("没有这张小票 / there is no such receipt", code="no_receipt")
    if not give_up(session, receipt.id, reason="", by="customer", now=now):
        raise ConflictError("门店已经处理过这张小票 / the store has decided on it already", code="already_decided")
    _note(session, receipt, "receipt.withdrawn", actor="h5", now=now)


def give_up(session: Session, receipt_id: int, *, reason: str, by: str, now: datetime) -> bool:
    """Let a waiting receipt go, and its picture with it; says whether it still waited."""
    values = {"state": ReceiptState.WITHDRAWN, "decided_at": now, "decided_by": by, "reason": reason}
    moved = (
        update(Receipt).where(Receipt.id == receipt_id, Receipt.state == ReceiptState.WAITING).values(values).returning(Receipt.customer_id)
    )
    customer_id = session.scalar(moved)
    if customer_id is None:
        return False
    drop_picture(session, receipt_id)
    give_back(session, [waiting_guard(customer_id)])
    return True


def check_told(told: Told, store: Store, programme: Programme, *, sent_on: date) -> tuple[Told, str]:
    """What a receipt says, tidy, and the key of its number. Raises BadRequestError (422) that says what is wrong."""
    number = unicodedata.normalize("NFKC", told.number).replace(" ", "")
    key = slip_key(number, store_code=store.code)
    if key is None or not 1 <= len(number) <= 40 or not number.isascii() or not number.isprintable():
        raise BadRequestError(
            "请照小票填写单号（字母和数字）/ copy the receipt's number: letters and digits", code="bad_number", status=422
        )
    if not 0 < told.amount_fen <= MOST_FEN:
        raise BadRequestError("请填写实付金额 / give the amount that was paid", code="bad_amount", status=422)
    oldest = sent_on - timedelta(days=programme.receipt_days)
    if not oldest <= told.paid_on <= sent_on:
        raise BadRequestError(
            f"只收 {oldest:%m-%d} 到 {sent_on:%m-%d} 的小票 / only receipts from {oldest:%m-%d} to {sent_on:%m-%d}",
            code="bad_day",
            status=422,
        )
    return Told(number, told.amount_fen, told.paid_on), key


def waiting_guard(customer_id: int) -> Guarded:
    """What a waiting receipt holds until it is decided. Two people who become one add up."""
    return Guarded("receipt:waiting:person", MOST_WAITING, customer_id)


def _limits(customer_id: int, *, now: datetime) -> list[Guarded]:
    return [waiting_guard(customer_id), Guarded("receipt:day:person", MOST_A_DAY, customer_id, business_day(now).isoformat())]


def _note(session: Session, receipt: Receipt, action: str, *, actor: str, now: datetime) -> None:
    detail = {"store_id": receipt.store_id, "amount_fen": receipt.amount_fen}
    note(session, at=now, actor=actor, action=action, object_type="receipt", object_id=receipt.public_id, detail=detail)
