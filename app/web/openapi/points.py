"""Points over the API: balance, statement, adjustment with a reason, transfer, donation."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from apiflask import APIFlask
from flask import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, NotFoundError
from app.core.idempotency import Answer
from app.core.unit import reading
from app.web.openapi.door import Call, Client, Door, client, reply
from cards.adjust import Moved, adjust_points, donate_points, transfer_points
from cards.buyers import find_store
from cards.ledger.statement import read_statement
from cards.membership import card_of, find_member
from cards.models.ledger import Lot, LotState, PointsEntry, PointsTxn, Wallet, WalletKind
from cards.models.membership import MemberCard
from cards.order_forms import Form, Number, Text64

_Points = Annotated[StrictInt, Field(ge=1, le=10**9)]


class BalanceOut(BaseModel):
    """A member's points. `expiring` is what expires first."""

    card: UUID
    number: str
    active: int
    pending: int
    held: int
    debt: int
    expiring: int
    expires_at: datetime | None


class StatementLine(BaseModel):
    """One movement, with the active balance right after it."""

    id: UUID
    kind: str
    reason: str
    occurred_at: datetime
    active: int
    pending: int
    held: int
    debt: int
    balance: int


class StatementOut(BaseModel):
    """Movements, newest first; `next` is the cursor of the page after, null at the end."""

    lines: list[StatementLine]
    next: UUID | None


class PageIn(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(extra="forbid")

    after: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class AdjustmentIn(Form):
    """Points to add (positive) or to take (negative). `ref` is the caller's own number: one adjustment each, whatever the key."""

    points: Annotated[StrictInt, Field(ge=-(10**9), le=10**9)]
    reason: Text64
    store: Text64
    ref: Number
    despite_block: StrictBool = False
    """Somebody on the blacklist is given points only with this word of whoever decides; the audit keeps it with the reason."""


class TransferIn(Form):
    """Points for another member."""

    to: Text64
    points: _Points
    reason: Text64
    ref: Number


class DonationIn(Form):
    """Points for a good cause: `reason` names it, and the store's unit keeps the donation account."""

    points: _Points
    reason: Text64
    store: Text64
    ref: Number


class MovedOut(BaseModel):
    """The transaction and the balance after it."""

    id: UUID
    points: int
    balance: BalanceOut


def add_routes(api: APIFlask, door: Door) -> None:
    """Put the calls about points on the API."""
    _add_reading(api, door)
    _add_writing(api, door)
    _add_giving(api, door)


def _add_reading(api: APIFlask, door: Door) -> None:
    house = door.house

    @api.get("/members/<member>/points")
    @api.doc(summary="Read a balance", tags=["points"], security="key")
    @door.needs("points:read")
    @api.output(BalanceOut)
    def get_points(member: str) -> Response:
        """A member's points, by the number or the id of his card."""
        with reading(house.engine, timeout_ms=5000) as session:
            return reply(_balance(session, member_of(session, member, client())))

    @api.get("/members/<member>/points/statement")
    @api.doc(summary="Read a statement", tags=["points"], security="key")
    @door.needs("points:read")
    @api.input(PageIn, location="query", arg_name="page")
    @api.output(StatementOut)
    def get_statement(member: str, page: PageIn) -> Response:
        """The latest movements of a member's points, each with the balance after it."""
        with reading(house.engine, timeout_ms=5000) as session:
            return reply(tell_statement(session, member_of(session, member, client()), page))


def _add_writing(api: APIFlask, door: Door) -> None:
    house = door.house

    @door.writes(api, Call("/members/<member>/points/adjustments", "points:write", "points", "Adjust points", AdjustmentIn, MovedOut))
    def post_adjustment(session: Session, caller: Client, wish: AdjustmentIn, member: str) -> Answer:
        """Add or take points by hand, with a reason; it takes no part in the settlement."""
        card = member_of(session, member, caller)
        store = find_store(session, wish.store, unit_id=caller.unit_id)
        moved = adjust_points(
            session,
            customer_id=card.customer_id,
            programme_id=caller.programme_id,
            points=wish.points,
            unit_id=store.business_unit_id,
            reason=wish.reason,
            ref=f"{caller.public_id}:{wish.ref}",
            actor=caller.actor,
            now=house.clock.now(),
            despite_block=wish.despite_block,
        )
        return _moved(session, moved, card, points=wish.points)


def _add_giving(api: APIFlask, door: Door) -> None:
    house = door.house

    @door.writes(api, Call("/members/<member>/points/transfers", "points:write", "points", "Give points to a member", TransferIn, MovedOut))
    def post_transfer(session: Session, caller: Client, wish: TransferIn, member: str) -> Answer:
        """Move points to another member; they keep their expiry."""
        giver = member_of(session, member, caller)
        taker = member_of(session, wish.to, caller)
        moved = transfer_points(
            session,
            from_id=giver.customer_id,
            to_id=taker.customer_id,
            programme_id=caller.programme_id,
            points=wish.points,
            reason=wish.reason,
            ref=f"{caller.public_id}:{wish.ref}",
            actor=caller.actor,
            now=house.clock.now(),
        )
        return _moved(session, moved, giver, points=-wish.points)

    @door.writes(api, Call("/members/<member>/points/donations", "points:write", "points", "Donate points", DonationIn, MovedOut))
    def post_donation(session: Session, caller: Client, wish: DonationIn, member: str) -> Answer:
        """Give a member's points to a good cause, on the donation account of the store's unit."""
        card = member_of(session, member, caller)
        store = find_store(session, wish.store, unit_id=caller.unit_id)
        moved = donate_points(
            session,
            customer_id=card.customer_id,
            programme_id=caller.programme_id,
            points=wish.points,
            unit_id=store.business_unit_id,
            reason=wish.reason,
            ref=f"{caller.public_id}:{wish.ref}",
            actor=caller.actor,
            now=house.clock.now(),
        )
        return _moved(session, moved, card, points=-wish.points)


def member_of(session: Session, named: str, caller: Client) -> MemberCard:
    """A card by its number or id, or by the customer's id. Raises NotFoundError."""
    try:
        card = find_member(session, programme_id=caller.programme_id, public_id=UUID(named))
    except ValueError:
        card = find_member(session, programme_id=caller.programme_id, number=named)
    card = card and card_of(session, customer_id=card.customer_id, programme_id=caller.programme_id)
    if card is None:
        raise NotFoundError("没有这位会员 / there is no such member", code="unknown_member")
    return card


def _wallet(session: Session, card: MemberCard, kind: WalletKind = WalletKind.POINTS) -> Wallet | None:
    return session.scalar(
        select(Wallet)
        .where(Wallet.customer_id == card.customer_id, Wallet.programme_id == card.programme_id, Wallet.kind == kind)
        .execution_options(populate_existing=True)
    )


def _balance(session: Session, card: MemberCard) -> dict[str, Any]:
    wallet = _wallet(session, card)
    lot = None
    if wallet is not None:
        query = (
            select(func.sum(Lot.remaining).label("points"), Lot.expires_at)
            .where(Lot.wallet_id == wallet.id, Lot.remaining > 0, Lot.state == LotState.ACTIVE, Lot.expires_at.is_not(None))
            .group_by(Lot.expires_at)
            .order_by(Lot.expires_at)
        )
        lot = session.execute(query.limit(1)).one_or_none()
    return {
        "card": str(card.public_id),
        "number": card.number,
        "active": wallet.active if wallet else 0,
        "pending": wallet.pending if wallet else 0,
        "held": wallet.held if wallet else 0,
        "debt": wallet.debt if wallet else 0,
        "expiring": int(lot.points) if lot else 0,
        "expires_at": lot.expires_at.isoformat() if lot else None,
    }


def tell_statement(session: Session, card: MemberCard, page: PageIn, *, kind: WalletKind = WalletKind.POINTS) -> dict[str, Any]:
    """A page of a wallet's movements; of stored value the amounts are fen."""
    wallet = _wallet(session, card, kind)
    if wallet is None:
        return {"lines": [], "next": None}
    before = None
    if page.after is not None:
        place = (
            select(func.max(PointsEntry.id))
            .join(PointsTxn, PointsTxn.id == PointsEntry.txn_id)
            .where(PointsTxn.public_id == page.after, PointsEntry.wallet_id == wallet.id)
        )
        before = session.scalar(place)
        if before is None:
            raise BadRequestError("没有这个游标 / there is no such cursor", code="bad_cursor", status=422)
    lines = read_statement(session, wallet_id=wallet.id, before=before, limit=page.limit + 1)
    shown = lines[: page.limit]
    return {
        "lines": [
            {
                "id": str(line.public_id),
                "kind": line.kind,
                "reason": line.reason,
                "occurred_at": line.occurred_at.isoformat(),
                "active": line.active,
                "pending": line.pending,
                "held": line.held,
                "debt": line.debt,
                "balance": line.balance,
            }
            for line in shown
        ],
        "next": str(shown[-1].public_id) if len(lines) > page.limit else None,
    }


def _moved(session: Session, moved: Moved, card: MemberCard, *, points: int) -> Answer:
    said = {"id": str(moved.txn.public_id), "points": points, "balance": _balance(session, card)}
    return Answer(201 if moved.fresh else 200, said)
