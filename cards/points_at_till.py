"""Points at the till: so many fen for so many points, at most a part of the order, from a minimum on; a return gives its share back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StrictInt
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError
from cards.ledger.earn import Posted
from cards.ledger.post import MOST, Cause, check_amount, find_txn
from cards.ledger.returns import give_back, still_used
from cards.ledger.spend import spend
from cards.ledger.wallets import open_wallet
from cards.models.ledger import Book, PointsEntry, PointsTxn, TxnKind
from cards.models.orders import Purchase
from cards.models.redemption import CouponHold
from cards.models.till_terms import TillTerms
from cards.occasion import Params
from cards.split import step


class Terms(Params):
    """A hundred points pay `fen_per_100_points`; at most `cap_percent` of an order, from `least_points` on."""

    fen_per_100_points: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    cap_percent: Annotated[StrictInt, Field(ge=1, le=100)] = 100
    least_points: Annotated[StrictInt, Field(ge=1, le=10**9)] = 1


@dataclass(frozen=True, slots=True)
class Offer:
    """The most points an order may take, and what they pay in fen; both zero when it may take none."""

    points: int
    fen: int


def offer(terms: Terms, *, points: int, payable_fen: int) -> Offer:
    """What of `payable_fen` so many points may pay: never more points than that payment needs. Pure."""
    fen = min(points * terms.fen_per_100_points // 100, payable_fen * terms.cap_percent // 100)
    needed = -(-fen * 100 // terms.fen_per_100_points)
    return Offer(needed, fen) if fen > 0 and needed >= terms.least_points else Offer(0, 0)


def read_terms(session: Session, programme_id: int) -> Terms | None:
    """A programme's terms, or None when points do not pay."""
    row = session.get(TillTerms, programme_id)
    return None if row is None else Terms.model_validate(row.terms)


def write_terms(session: Session, programme_id: int, terms: Terms, *, now: datetime) -> None:
    """Set a programme's terms; the next order pays by them."""
    said: dict[str, Any] = terms.model_dump(mode="json")
    session.merge(TillTerms(programme_id=programme_id, terms=said, changed_at=now))
    session.flush()


def pay_with_points(
    session: Session, *, customer_id: int, programme_id: int, points: int, payable_fen: int, unit_id: int, cause: Cause
) -> tuple[Posted, int]:
    """Spend points on an order and say how many fen they pay. `cause.business_key` is `till:{source}:{order_no}`.

    Raises BadRequestError (422) beyond the order's cap or under the minimum, InsufficientPointsError when they are not there.
    """
    terms = read_terms(session, programme_id)
    if terms is None:
        raise BadRequestError("本计划不能用积分付款 / points do not pay here", code="points_do_not_pay", status=422)
    check_amount(points)
    allowed = offer(terms, points=points, payable_fen=payable_fen)
    if allowed.points != points:
        most = offer(terms, points=MOST, payable_fen=payable_fen).points
        raise BadRequestError(
            f"本单可用 {terms.least_points} 到 {most} 积分，且须正好抵扣整分 / "
            f"this order takes {terms.least_points} to {most} points, that pay whole fen",
            code="points_cap",
            status=422,
        )
    wallet_id = open_wallet(session, customer_id=customer_id, programme_id=programme_id)
    return spend(session, wallet_id=wallet_id, amount=points, unit_id=unit_id, cause=cause), allowed.fen


def till_key(source: str, order_no: str) -> str:
    """The business key of the points that paid part of an order."""
    return f"till:{source}:{order_no}"


def give_back_share(session: Session, *, purchase: Purchase, before_fen: int, after_fen: int, of_fen: int, cause: Cause) -> int:
    """Give back the share of an order's points that falls on what came back; says how many. The shares of a whole order sum to all."""
    paid = _paid(session, purchase)
    if paid is None or not of_fen:
        return 0
    left = still_used(session, paid.id)
    used = select(func.sum(PointsEntry.amount)).where(PointsEntry.txn_id == paid.id, PointsEntry.book == Book.REDEEMED)
    total = int(session.scalar(used) or 0)
    share = min(step(total, before=before_fen, after=after_fen, of=of_fen), left)
    if share > 0:
        give_back(session, spend_txn_id=paid.id, amount=share, cause=cause)
    return max(share, 0)


def _paid(session: Session, purchase: Purchase) -> PointsTxn | None:
    """The points that paid part of an order: at once, or set aside by a till first. A till may have taken its order back and sold it anew."""
    direct = find_txn(session, kind=TxnKind.SPEND, business_key=till_key(purchase.source, purchase.order_no))
    if direct is not None:
        return direct
    held = (
        select(PointsTxn)
        .join(CouponHold, CouponHold.points_txn_id == PointsTxn.corrects_id)
        .where(
            CouponHold.order_key == f"{purchase.source}:{purchase.order_no}",
            CouponHold.state == "confirmed",
            PointsTxn.kind == TxnKind.CONFIRM,
        )
    )
    return session.scalar(held)
