"""Returns by line: what came back is counted once, and the points it had earned are taken back to the last one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.errors import BadRequestError, ConflictError
from app.core.facts import Fact, record
from app.core.ids import new_public_id
from app.core.nouns import Store
from app.core.registry import Registry
from cards.caps import give_room
from cards.ledger.post import Cause
from cards.ledger.returns import take_back
from cards.ledger.wallets import lock_wallets
from cards.models.earning import EarningAward, EarningRule, EarningVersion
from cards.models.ledger import Lot
from cards.models.orders import Purchase, PurchaseLine, PurchaseReturn, PurchaseReturnLine
from cards.models.programme import Programme
from cards.moments import AHEAD
from cards.order_forms import ReturnIn
from cards.order_reads import find_order, lines_of
from cards.points_at_till import give_back_share
from cards.split import step

RETURNED = "order.returned"
_RETURN = table_of(PurchaseReturn)
_RETURN_LINE = table_of(PurchaseReturnLine)
_MOVE = text(
    """
    UPDATE purchase_line SET returned_qty = returned_qty + :quantity
    WHERE purchase_id = :purchase AND line_no = :line AND returned_qty + :quantity <= quantity
    RETURNING returned_qty
    """
)


@dataclass(frozen=True, slots=True)
class Returned:
    """A return on record. `taken_back` counts points; `fresh` is False when it was there already."""

    purchase: Purchase
    row: PurchaseReturn
    taken_back: int
    fresh: bool


def book_return(
    session: Session,
    back: ReturnIn,
    *,
    source: str,
    order_no: str,
    registry: Registry,
    actor: str,
    now: datetime,
    unit_id: int | None = None,
    programme_id: int | None = None,
) -> Returned:
    """Put a return on record and take back the points of its lines. The same return again answers as before.

    Raises NotFoundError for an unknown order, BadRequestError (422) for a line or a quantity the order does not have and for a return before
    its order or from the future, ConflictError for a known number with other content, and for spent points where the programme's policy is to refuse.
    """
    purchase = find_order(session, source=source, order_no=order_no, unit_id=unit_id, programme_id=programme_id, lock=True)
    if back.returned_at < purchase.paid_at:
        raise BadRequestError("退货时间早于支付时间 / returned_at lies before paid_at", code="returned_before_paid", status=422)
    if back.returned_at > now + AHEAD:
        raise BadRequestError("退货时间在未来 / returned_at lies in the future", code="returned_in_future", status=422)
    content = back.content_hash(f"{source}:{order_no}")
    row = {
        "public_id": new_public_id(),
        "purchase_id": purchase.id,
        "source": source,
        "return_no": back.return_no,
        "actor": actor[:64],
        "returned_at": back.returned_at,
        "booked_at": now,
        "refund_fen": 0,
        "content_hash": content,
    }
    insert = pg_insert(_RETURN).values(row).on_conflict_do_nothing(index_elements=["source", "return_no"]).returning(_RETURN.c.id)
    made = session.scalar(insert)
    if made is None:
        known = session.scalars(
            select(PurchaseReturn).where(PurchaseReturn.source == source, PurchaseReturn.return_no == back.return_no)
        ).one()
        if known.content_hash != content:
            raise ConflictError(
                f"退货单 {back.return_no} 已登记，内容不同 / the return {back.return_no} is on record with other content",
                code="return_differs",
            )
        return Returned(purchase, known, 0, fresh=False)
    held = session.get_one(PurchaseReturn, made)
    _move_lines(session, purchase, back, held)
    taken = 0
    if purchase.customer_id is not None:
        taken = undo(session, purchase, held, registry=registry, actor=actor, now=now)
    return Returned(purchase, held, taken, fresh=True)


def undo(session: Session, purchase: Purchase, held: PurchaseReturn, *, registry: Registry, actor: str, now: datetime) -> int:
    """Take back the points of a return's lines and give back its share of points that paid; says how many were taken back.

    The purchase is locked. Each line and rule is a transaction of its own, keyed by the return's number.
    """
    lines = {line.line_no: line for line in lines_of(session, purchase.id)}
    moved = session.scalars(
        select(PurchaseReturnLine).where(PurchaseReturnLine.return_id == held.id).order_by(PurchaseReturnLine.line_no)
    ).all()
    taken = _take_back(session, purchase, held, lines, moved, actor=actor, now=now)
    gross = sum(line.amount_fen for line in lines.values())
    before, after = _gross_returned(session, held, lines)
    key = f"return:{purchase.source}:{held.return_no}"
    cause = Cause(f"{key}:points", f"退货 {held.return_no}", actor, held.returned_at, now, purchase.store_id)
    give_back_share(session, purchase=purchase, before_fen=before, after_fen=after, of_fen=gross, cause=cause)
    data = {
        "order": str(purchase.public_id),
        "source": purchase.source,
        "order_no": purchase.order_no,
        "return_no": held.return_no,
        "store": str(session.get_one(Store, purchase.store_id).public_id),
        "refund_fen": held.refund_fen,
        "points": taken,
    }
    fact = Fact(key=key, kind=RETURNED, occurred_at=held.returned_at, data=data, customer_id=purchase.customer_id)
    record(session, [fact], registry=registry, now=now)
    return taken


def _move_lines(session: Session, purchase: Purchase, back: ReturnIn, held: PurchaseReturn) -> None:
    """Count what came back, line by line in order, each by one guarded UPDATE."""
    lines = {line.line_no: line for line in lines_of(session, purchase.id)}
    rows, refund = [], 0
    for wish in sorted(back.lines, key=lambda line: line.line_no):
        line = lines.get(wish.line_no)
        if line is None:
            raise BadRequestError(f"订单没有第 {wish.line_no} 行 / the order has no line {wish.line_no}", code="unknown_line", status=422)
        after = session.scalar(_MOVE, {"purchase": purchase.id, "line": wish.line_no, "quantity": wish.quantity})
        if after is None:
            raise BadRequestError(
                f"第 {wish.line_no} 行最多还能退 {line.quantity - line.returned_qty} 件 / "
                f"of line {wish.line_no} {line.quantity - line.returned_qty} can still come back",
                code="over_returned",
                status=422,
            )
        before = int(after) - wish.quantity
        refund += step(line.amount_fen - line.discount_fen, before=before, after=int(after), of=line.quantity)
        rows.append({"return_id": held.id, "line_no": wish.line_no, "quantity": wish.quantity, "before_qty": before})
    session.execute(_RETURN_LINE.insert(), rows)
    held.refund_fen = refund
    session.flush()


def _take_back(
    session: Session,
    purchase: Purchase,
    held: PurchaseReturn,
    lines: dict[int, PurchaseLine],
    moved: Sequence[PurchaseReturnLine],
    *,
    actor: str,
    now: datetime,
) -> int:
    programme = session.get_one(Programme, purchase.programme_id)
    query = (
        select(EarningAward, EarningRule, Lot.wallet_id)
        .join(EarningVersion, EarningVersion.id == EarningAward.version_id)
        .join(EarningRule, EarningRule.id == EarningVersion.rule_id)
        .join(Lot, Lot.txn_id == EarningAward.txn_id)
        .where(EarningAward.purchase_id == purchase.id)
        .order_by(EarningRule.id)
    )
    awards = session.execute(query).all()
    lock_wallets(session, {row.wallet_id for row in awards})
    total = 0
    for given, rule, _ in awards:
        back = 0
        for line in moved:
            share = given.shares.get(str(line.line_no), 0)
            points = step(share, before=line.before_qty, after=line.before_qty + line.quantity, of=lines[line.line_no].quantity)
            if not points:
                continue
            key = f"return:{purchase.source}:{held.return_no}:line:{line.line_no}:rule:{rule.public_id}"
            cause = Cause(key, f"退货 {held.return_no}", actor, held.returned_at, now, purchase.store_id)
            take_back(session, earn_txn_id=given.txn_id, amount=points, policy=programme.return_policy, cause=cause)
            back += points
        if back:
            given.taken_back += back
            give_room(
                session,
                rule_id=rule.id,
                customer_id=given.customer_id,
                spans=given.spans,
                points=back,
                whole=given.taken_back == given.points,
            )
        total += back
    session.flush()
    return total


def _gross_returned(session: Session, held: PurchaseReturn, lines: dict[int, PurchaseLine]) -> tuple[int, int]:
    """What had come back of the order before a return and after it, at the lines' prices in fen."""
    rows = session.execute(
        select(PurchaseReturnLine)
        .join(PurchaseReturn, PurchaseReturn.id == PurchaseReturnLine.return_id)
        .where(PurchaseReturn.purchase_id == held.purchase_id, PurchaseReturn.id <= held.id)
    ).scalars()
    before = after = 0
    for row in rows:
        line = lines[row.line_no]
        value = step(line.amount_fen, before=row.before_qty, after=row.before_qty + row.quantity, of=line.quantity)
        after += value
        before += 0 if row.return_id == held.id else value
    return before, after
