"""Writing one transaction: the business key first, then entries that sum to zero, then the wallet's stored balances."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, ConflictError
from app.core.hot import Value
from app.core.ids import new_public_id
from cards.models.ledger import Book, PointsTxn, TxnKind

MOST = 10**12
"""No single movement is larger: a slip of a till must not become a fortune."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a transaction is posted. `business_key` is unique per kind for good; `occurred_at` is UTC."""

    business_key: str
    reason: str
    actor: str
    occurred_at: datetime
    now: datetime
    store_id: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leg:
    """One entry to be: on a wallet's book or on a unit's."""

    book: Book
    amount: int
    wallet_id: int | None = None
    unit_id: int | None = None


class InsufficientPointsError(ConflictError):
    """The wallet does not hold what is asked of it."""

    code = "insufficient_points"


def check_amount(amount: int) -> None:
    """Refuse what no movement may be: not an integer, zero, negative or absurd. Raises BadRequestError."""
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= MOST:
        raise BadRequestError(f"an amount is a whole number from 1 to {MOST}", code="bad_amount")


def check_reason(kind: TxnKind, cause: Cause) -> None:
    """Refuse a manual adjustment that says no reason. Raises BadRequestError."""
    if kind is TxnKind.ADJUST and not cause.reason.strip():
        raise BadRequestError("an adjustment needs a reason", code="reason_needed")


def head(kind: TxnKind, cause: Cause) -> dict[str, Value]:
    """The bound values of a transaction's own row, for the statements that write it together with its entries."""
    return {
        "public_id": new_public_id(),
        "kind": kind.value,
        "business_key": cause.business_key,
        "reason": cause.reason[:200],
        "actor": cause.actor[:64],
        "store_id": cause.store_id,
        "occurred_at": cause.occurred_at,
        "now": cause.now,
        "data": orjson.dumps(cause.data).decode(),
    }


def begin(session: Session, *, kind: TxnKind, cause: Cause, corrects_id: int | None = None, whole: bool = False) -> int | None:
    """Claim the business key with the transaction's row. None when it is known already: nothing may then be posted again.

    A parallel twin waits here until the first one commits or rolls back. `whole` marks a whole reversal of `corrects_id`.
    Raises ConflictError when another key has reversed the same transaction, BadRequestError for an adjustment without a reason.
    """
    check_reason(kind, cause)
    row = {**head(kind, cause), "corrects_id": corrects_id, "reverses_id": corrects_id if whole else None}
    made: int | None = session.scalar(_BEGIN, row)
    if made is None and find_txn(session, kind=kind, business_key=cause.business_key) is None:
        raise ConflictError("that transaction is reversed already", code="already_reversed")
    return made


def find_txn(session: Session, *, kind: TxnKind, business_key: str) -> PointsTxn | None:
    """The transaction of a business key, or None."""
    return session.scalar(select(PointsTxn).where(PointsTxn.kind == kind, PointsTxn.business_key == business_key))


def write_entries(session: Session, txn_id: int, legs: Sequence[Leg]) -> None:
    """Write the legs of a transaction and move the stored balances of the wallets they name. Raises InsufficientPointsError when a guard says no."""
    legs = [leg for leg in legs if leg.amount]
    assert sum(leg.amount for leg in legs) == 0, "the entries of a transaction sum to zero"
    if not legs:
        return
    move_balances(session, legs)
    told = {
        "txn": txn_id,
        "books": [leg.book.value for leg in legs],
        "wallets": [leg.wallet_id for leg in legs],
        "units": [leg.unit_id for leg in legs],
        "amounts": [leg.amount for leg in legs],
    }
    session.execute(_TELL, told)


def move_balances(session: Session, legs: Sequence[Leg]) -> None:
    """Move the stored balances of the wallets that legs name, in the order of their ids.

    Every book of a wallet is guarded: active, pending and held stay at least zero, debt at most zero.
    Raises InsufficientPointsError when a guard says no.
    """
    for wallet_id in sorted({leg.wallet_id for leg in legs if leg.wallet_id is not None}):
        change = {book.value: sum(leg.amount for leg in legs if leg.wallet_id == wallet_id and leg.book == book) for book in _WALLET_BOOKS}
        if session.scalar(_MOVE, {"wallet": wallet_id, **change}) is None:
            raise InsufficientPointsError("积分不足")


_WALLET_BOOKS = (Book.ACTIVE, Book.PENDING, Book.HELD, Book.DEBT)
_MOVE = text(
    """
    UPDATE wallet
    SET active = active + :active, pending = pending + :pending, held = held + :held, debt = debt + :debt
    WHERE id = :wallet AND active + :active >= 0 AND pending + :pending >= 0 AND held + :held >= 0 AND debt + :debt <= 0
    RETURNING id
    """
)
_TELL = text(
    """
    INSERT INTO points_entry (txn_id, book, wallet_id, business_unit_id, amount)
    SELECT :txn, leg.book, leg.wallet, leg.unit, leg.amount
    FROM unnest(CAST(:books AS text[]), CAST(:wallets AS bigint[]), CAST(:units AS bigint[]), CAST(:amounts AS bigint[]))
         AS leg (book, wallet, unit, amount)
    """
)
# Written out, because a posting is the till's hot path: a statement that is built anew costs it more than the database does.
_BEGIN = text(
    """
    INSERT INTO points_txn (public_id, kind, business_key, reason, actor, store_id, occurred_at, posted_at, corrects_id, reverses_id, data)
    VALUES (:public_id, :kind, :business_key, :reason, :actor, :store_id, :occurred_at, :now, :corrects_id, :reverses_id,
            CAST(:data AS jsonb))
    ON CONFLICT DO NOTHING
    RETURNING id
    """
)
