"""Stored value in fen by the same ledger: topped up with a bonus, paid with, and refunded by the way it came."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field, StrictInt, TypeAdapter, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.secrets import KeyRing
from cards.blocks import check_credit
from cards.ledger.debit import ready
from cards.ledger.earn import Posted, earn
from cards.ledger.post import Cause, check_amount, find_txn
from cards.ledger.returns import give_back, take_back
from cards.ledger.spend import spend
from cards.ledger.wallets import lock_wallet_of, lock_wallets, open_wallet
from cards.models.ledger import Lot, PointsTxn, TxnKind, Wallet, WalletKind
from cards.models.programme import ReturnPolicy
from cards.models.till_terms import BonusLadder
from cards.occasion import Params
from cards.phones import living_customer
from cards.value_consent import Proof, check_confirmed

ROUTES = ("cash", "wechat_pay", "alipay", "bank_card", "transfer")
MOST_TOP_UP = 500_000_00
"""One top-up holds at most half a million yuan: more is a slip of the finger."""


class Rung(Params):
    """From `from_fen` paid in, `bonus_fen` are added."""

    from_fen: Annotated[StrictInt, Field(ge=1, le=MOST_TOP_UP)]
    bonus_fen: Annotated[StrictInt, Field(ge=1, le=MOST_TOP_UP)]


_LADDER = TypeAdapter(Annotated[list[Rung], Field(max_length=20)])


@dataclass(frozen=True, slots=True)
class ToppedUp:
    """A top-up on record. `fresh` is False when its reference was known."""

    txn: PointsTxn
    paid_fen: int
    bonus_fen: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that goes back to whoever paid it in, and by which way."""

    txn: PointsTxn
    refund_fen: int
    bonus_taken_fen: int
    route: str
    route_ref: str
    fresh: bool


def read_ladder(session: Session, programme_id: int) -> list[Rung]:
    """What top-ups add, the lowest rung first; empty when nothing."""
    row = session.get(BonusLadder, programme_id)
    return [] if row is None else _LADDER.validate_python(row.rungs)


def set_ladder(session: Session, *, programme_id: int, rungs: Sequence[dict[str, Any]], now: datetime) -> list[Rung]:
    """Set what top-ups add; the highest rung reached counts. Raises BadRequestError for a ladder that does not climb."""
    try:
        ladder = sorted(_LADDER.validate_python(list(rungs)), key=lambda rung: rung.from_fen)
    except ValidationError as error:
        raise BadRequestError("阶梯有误 / the ladder does not fit its schema", code="bad_ladder") from error
    if any(low.bonus_fen >= high.bonus_fen or low.from_fen == high.from_fen for low, high in pairwise(ladder)):
        raise BadRequestError("充得越多，赠送须越多 / a higher rung adds more", code="bad_ladder")
    session.merge(BonusLadder(programme_id=programme_id, rungs=[rung.model_dump() for rung in ladder], changed_at=now))
    session.flush()
    return ladder


def bonus_of(ladder: Sequence[Rung], paid_fen: int) -> int:
    """What a top-up adds by a ladder. Pure."""
    return max((rung.bonus_fen for rung in ladder if rung.from_fen <= paid_fen), default=0)


def top_up(
    session: Session,
    *,
    customer_id: int,
    programme_id: int,
    paid_fen: int,
    route: str,
    route_ref: str,
    unit_id: int,
    ref: str,
    actor: str,
    now: datetime,
    store_id: int | None = None,
    despite_block: str = "",
) -> ToppedUp:
    """Put money in, with the bonus of the ladder in a lot of its own. `route` and `route_ref` say how it was paid, for a refund.

    Raises BadRequestError for an amount or a way that cannot be, ConflictError for a known reference with other content, RefusedError for somebody
    on the blacklist, unless whoever decides says why all the same (`despite_block`).
    """
    check_amount(paid_fen)
    if paid_fen > MOST_TOP_UP:
        raise BadRequestError(
            f"单次最多充值 {MOST_TOP_UP // 100} 元 / at most {MOST_TOP_UP // 100} yuan at once", code="top_up_too_big", status=422
        )
    if route not in ROUTES:
        raise BadRequestError(f"支付方式须为 {'、'.join(ROUTES)} / the way is one of {', '.join(ROUTES)}", code="bad_route", status=422)
    wallet_id = open_wallet(session, customer_id=customer_id, programme_id=programme_id, kind=WalletKind.VALUE)
    bonus = bonus_of(read_ladder(session, programme_id), paid_fen)
    said = {"wallet": wallet_id, "paid_fen": paid_fen, "route": route, "route_ref": route_ref[:64], "bonus_fen": bonus}
    key = f"topup:{ref}"
    cause = Cause(key, "储值充值", actor, now, now, store_id, said)
    posted = earn(session, wallet_id=wallet_id, amount=paid_fen, unit_id=unit_id, cause=cause, available_from=now, expires_at=None)
    txn = session.get_one(PointsTxn, posted.txn_id)
    if not posted.fresh:
        # The bonus is that of the day it was paid; the ladder may have changed since.
        if {**txn.data, "bonus_fen": 0} != {**said, "bonus_fen": 0}:
            raise ConflictError("这个单号已用于另一笔 / this reference was used for something else", code="ref_differs")
        return ToppedUp(txn, paid_fen, int(txn.data["bonus_fen"]), fresh=False)
    despite = check_credit(session, customer_id, now=now, despite=despite_block)
    if bonus:
        gift = Cause(f"{key}:bonus", "储值赠送", actor, now, now, store_id)
        earn(session, wallet_id=wallet_id, amount=bonus, unit_id=unit_id, cause=gift, available_from=now, expires_at=None)
    detail = {"paid_fen": paid_fen, "bonus_fen": bonus, "route": route, **despite}
    note(session, at=now, actor=actor, action="value.topped_up", object_type="points_txn", object_id=txn.public_id, detail=detail)
    return ToppedUp(txn, paid_fen, bonus, fresh=True)


def pay(session: Session, *, customer_id: int, programme_id: int, amount_fen: int, unit_id: int, cause: Cause) -> Posted:
    """Pay with stored value. Raises InsufficientPointsError when it is not there."""
    wallet_id = open_wallet(session, customer_id=customer_id, programme_id=programme_id, kind=WalletKind.VALUE)
    return spend(session, wallet_id=wallet_id, amount=amount_fen, unit_id=unit_id, cause=cause)


def pay_confirmed(
    session: Session,
    ring: KeyRing,
    proof: Proof,
    *,
    customer_id: int,
    programme_id: int,
    amount_fen: int,
    unit_id: int,
    client_id: str,
    cause: Cause,
) -> Posted:
    """Pay with stored value, the customer himself behind it where the amount asks for that. A known key answers as before, without asking again.

    Raises InsufficientPointsError, ConflictError for a known key with other content, and what `check_confirmed` raises.
    """
    wallet_id = open_wallet(session, customer_id=customer_id, programme_id=programme_id, kind=WalletKind.VALUE)
    # A twin of this call is waited for here: it has paid, or it was refused.
    lock_wallets(session, [wallet_id])
    known = find_txn(session, kind=TxnKind.SPEND, business_key=cause.business_key)
    said = {**cause.data, "wallet": wallet_id}
    if known is not None:
        if {**known.data, "confirmed": ""} != {**said, "confirmed": ""}:
            raise ConflictError("这个单号已用于另一笔 / this reference was used for something else", code="ref_differs")
        return Posted(known.id, fresh=False)
    how = check_confirmed(
        session,
        ring,
        proof,
        customer_id=customer_id,
        programme_id=programme_id,
        amount_fen=amount_fen,
        client_id=client_id,
        now=cause.now,
    )
    confirmed = replace(cause, data={**said, "confirmed": how})
    paid = pay(session, customer_id=customer_id, programme_id=programme_id, amount_fen=amount_fen, unit_id=unit_id, cause=confirmed)
    txn, detail = session.get_one(PointsTxn, paid.txn_id), {"amount_fen": amount_fen, "confirmed": how}
    note(session, at=cause.now, actor=cause.actor, action="value.paid", object_type="points_txn", object_id=txn.public_id, detail=detail)
    return paid


def find_payment(session: Session, business_key: str, *, customer_id: int) -> PointsTxn:
    """A payment from a customer's balance by its key. Raises NotFoundError."""
    paid = find_txn(session, kind=TxnKind.SPEND, business_key=business_key)
    wallet = None if paid is None else session.get(Wallet, paid.data.get("wallet"))
    if paid is None or wallet is None or living_customer(session, wallet.customer_id).id != living_customer(session, customer_id).id:
        raise NotFoundError("没有这笔储值付款 / there is no such payment from the balance", code="no_payment")
    return paid


def refund_of_payment(session: Session, paid: PointsTxn, *, amount_fen: int, cause: Cause) -> Posted:
    """Give a payment back to its balance, once per key, and into the audit. Raises BadRequestError, ConflictError for other content."""
    if not cause.reason.strip():
        raise BadRequestError("须写明原因 / a reason is needed", code="reason_needed", status=422)
    posted = refund_payment(session, pay_txn_id=paid.id, amount_fen=amount_fen, cause=cause)
    txn = session.get_one(PointsTxn, posted.txn_id)
    if not posted.fresh:
        if txn.data != cause.data:
            raise ConflictError("这个单号已用于另一笔 / this reference was used for something else", code="ref_differs")
        return posted
    detail = {"amount_fen": amount_fen, "reason": cause.reason}
    note(
        session, at=cause.now, actor=cause.actor, action="value.paid_back", object_type="points_txn", object_id=txn.public_id, detail=detail
    )
    return posted


def refund_payment(session: Session, *, pay_txn_id: int, amount_fen: int, cause: Cause) -> Posted:
    """Give a payment back, all or part, to the lots it came from. Raises BadRequestError for more than was paid."""
    return give_back(session, spend_txn_id=pay_txn_id, amount=amount_fen, cause=cause)


def refund_top_up(
    session: Session, *, top_up_ref: str, ref: str, reason: str, actor: str, now: datetime, customer_id: int | None = None
) -> Refund:
    """Refund what is left of a top-up by the way it was paid. Its bonus is taken back, and bonus that is spent is deducted.

    With `customer_id`, a top-up of somebody else is unknown. Raises NotFoundError for an unknown top-up, ConflictError when nothing is left.
    """
    if not reason.strip():
        raise BadRequestError("须写明原因 / a reason is needed", code="reason_needed", status=422)
    key = f"refund:{ref}"
    original = find_txn(session, kind=TxnKind.EARN, business_key=f"topup:{top_up_ref}")
    if original is not None and customer_id is not None:
        owner = session.get_one(Wallet, original.data["wallet"]).customer_id
        original = original if living_customer(session, owner).id == living_customer(session, customer_id).id else None
    if original is not None:
        lock_wallet_of(session, select(Lot.wallet_id).where(Lot.txn_id == original.id))
    known = find_txn(session, kind=TxnKind.TAKE_BACK, business_key=key)
    if known is not None:
        return _known_refund(session, known, top_up_ref)
    if original is None:
        raise NotFoundError(f"没有充值 {top_up_ref} / there is no top-up {top_up_ref}", code="no_top_up")
    bonus = find_txn(session, kind=TxnKind.EARN, business_key=f"topup:{top_up_ref}:bonus")
    lot = _lot(session, original.id)
    ready(session, lot.wallet_id, now=now)
    session.refresh(lot)
    gift = None if bonus is None else _lot(session, bonus.id)
    # What an earlier refund of it took of the bonus, or deducted for it, is neither spent nor owed a second time.
    spent_bonus = 0 if gift is None else gift.quantity - gift.remaining - _accounted(session, original.id)
    refund = lot.remaining - spent_bonus
    if refund <= 0 or not lot.remaining:
        raise ConflictError("这笔充值已经用完 / nothing of this top-up is left", code="nothing_left")
    taken = 0 if gift is None else gift.remaining
    # The deducted bonus leaves the principal too: the customer had its worth already.
    said = {"top_up": top_up_ref, "refund_fen": refund, "bonus_taken_fen": taken, "bonus_spent_fen": spent_bonus}
    cause = Cause(key, reason, actor, now, now, original.store_id, said)
    posted = take_back(session, earn_txn_id=original.id, amount=lot.remaining, policy=ReturnPolicy.REFUSE, cause=cause)
    if bonus is not None and taken:
        give = Cause(f"{key}:bonus", reason, actor, now, now, original.store_id)
        take_back(session, earn_txn_id=bonus.id, amount=taken, policy=ReturnPolicy.REFUSE, cause=give)
    txn = session.get_one(PointsTxn, posted.txn_id)
    note(session, at=now, actor=actor, action="value.refunded", object_type="points_txn", object_id=txn.public_id, detail=said)
    return Refund(txn, refund, taken, str(original.data["route"]), str(original.data["route_ref"]), fresh=True)


def _accounted(session: Session, top_up_id: int) -> int:
    """How much of a top-up's bonus its refunds have taken back or deducted, in fen."""
    earlier = select(PointsTxn.data).where(PointsTxn.corrects_id == top_up_id, PointsTxn.kind == TxnKind.TAKE_BACK)
    return sum(int(said.get("bonus_taken_fen", 0)) + int(said.get("bonus_spent_fen", 0)) for said in session.scalars(earlier))


def _known_refund(session: Session, known: PointsTxn, top_up_ref: str) -> Refund:
    if known.data.get("top_up") != top_up_ref:
        raise ConflictError("这个单号已用于另一笔 / this reference was used for something else", code="ref_differs")
    original = session.get_one(PointsTxn, known.corrects_id)
    return Refund(
        known,
        int(known.data["refund_fen"]),
        int(known.data["bonus_taken_fen"]),
        str(original.data["route"]),
        str(original.data["route_ref"]),
        fresh=False,
    )


def _lot(session: Session, txn_id: int) -> Lot:
    return session.scalars(select(Lot).where(Lot.txn_id == txn_id).execution_options(populate_existing=True)).one()
