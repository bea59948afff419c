"""Points moved by hand: adjusted with a reason, given to another member, or donated; each once per reference of whoever asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import BadRequestError, ConflictError
from cards.blocks import check_credit
from cards.ledger.earn import Posted, earn
from cards.ledger.post import Cause
from cards.ledger.spend import donate, take_away, transfer
from cards.ledger.wallets import open_wallet
from cards.lifetimes import points_life
from cards.models.ledger import PointsTxn, TxnKind
from cards.models.programme import Programme


@dataclass(frozen=True, slots=True)
class Moved:
    """The transaction of a movement by hand; `fresh` is False when its reference was known."""

    txn: PointsTxn
    fresh: bool


def adjust_points(
    session: Session,
    *,
    customer_id: int,
    programme_id: int,
    points: int,
    unit_id: int,
    reason: str,
    ref: str,
    actor: str,
    now: datetime,
    despite_block: bool = False,
) -> Moved:
    """Add (positive) or take (negative) points by hand; it takes no part in the settlement and is in the audit.

    Who is on the blacklist is given points only by somebody who says that he knows it (`despite_block`), and the audit says so, too.

    Raises BadRequestError without a reason or points, ConflictError for a known reference with other content and for points that are not there,
    RefusedError for somebody on the blacklist; the caller's transaction is then to be rolled back.
    """
    _check_reason(reason)
    if not points:
        raise BadRequestError("积分不能为零 / zero points are no adjustment", code="bad_amount", status=422)
    programme = session.get_one(Programme, programme_id)
    wallet_id = open_wallet(session, customer_id=customer_id, programme_id=programme_id)
    said = {"wallet": wallet_id, "points": points, "reason": reason}
    cause = Cause(f"adjust:{ref}", reason, actor, now, now, data=said)
    if points > 0:
        usable, ends = points_life(programme, earned_at=now, now=now, pending=False)
        posted = earn(
            session,
            wallet_id=wallet_id,
            amount=points,
            unit_id=unit_id,
            cause=cause,
            available_from=usable,
            expires_at=ends,
            kind=TxnKind.ADJUST,
        )
    else:
        posted = take_away(session, wallet_id=wallet_id, amount=-points, unit_id=unit_id, cause=cause)
    despite: dict[str, str] = {}
    if posted.fresh and points > 0:
        despite = check_credit(session, customer_id, now=now, despite=reason if despite_block else "")
    return _told(session, posted, said=said, action="points.adjusted", actor=actor, now=now, despite=despite)


def transfer_points(
    session: Session, *, from_id: int, to_id: int, programme_id: int, points: int, reason: str, ref: str, actor: str, now: datetime
) -> Moved:
    """Give points of one customer to another; the lots keep their expiry and issuer.

    Raises BadRequestError for one and the same customer, ConflictError for a known reference with other content and for points that are not there,
    RefusedError when one of the two is on the blacklist.
    """
    _check_reason(reason)
    wallets = {person: open_wallet(session, customer_id=person, programme_id=programme_id) for person in sorted({from_id, to_id})}
    said = {"wallet": wallets[from_id], "to": wallets[to_id], "points": points, "reason": reason}
    cause = Cause(f"transfer:{ref}", reason, actor, now, now, data=said)
    posted = transfer(session, from_wallet_id=wallets[from_id], to_wallet_id=wallets[to_id], amount=points, cause=cause)
    if posted.fresh:
        for person in (from_id, to_id):
            check_credit(session, person, now=now)
    return _told(session, posted, said=said, action="points.transferred", actor=actor, now=now)


def donate_points(
    session: Session, *, customer_id: int, programme_id: int, points: int, unit_id: int, reason: str, ref: str, actor: str, now: datetime
) -> Moved:
    """Give points of a customer to the donation account of a business unit; `reason` names the good cause.

    Raises BadRequestError without a reason, ConflictError for a known reference with other content and for points that are not there.
    """
    _check_reason(reason)
    wallet_id = open_wallet(session, customer_id=customer_id, programme_id=programme_id)
    said = {"wallet": wallet_id, "unit": unit_id, "points": points, "reason": reason}
    cause = Cause(f"donate:{ref}", reason, actor, now, now, data=said)
    posted = donate(session, wallet_id=wallet_id, amount=points, unit_id=unit_id, cause=cause)
    return _told(session, posted, said=said, action="points.donated", actor=actor, now=now)


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise BadRequestError("须写明原因 / a reason is needed", code="reason_needed", status=422)


def _told(
    session: Session,
    posted: Posted,
    *,
    said: dict[str, object],
    action: str,
    actor: str,
    now: datetime,
    despite: Mapping[str, str] | None = None,
) -> Moved:
    txn = session.get_one(PointsTxn, posted.txn_id)
    if not posted.fresh:
        if txn.data != said:
            raise ConflictError("这个单号已用于另一笔 / this reference was used for something else", code="ref_differs")
        return Moved(txn, fresh=False)
    detail = {"points": said["points"], "reason": said["reason"], **(despite or {})}
    note(session, at=now, actor=actor, action=action, object_type="points_txn", object_id=txn.public_id, detail=detail)
    return Moved(txn, fresh=True)
