"""Receipts that customers photographed and sent to this store: looked at beside the picture, corrected, approved or refused once."""

from datetime import date
from typing import Literal
from uuid import UUID

from flask import Blueprint, Response
from pydantic import Field

from app.core.errors import ConflictError
from app.core.gate import Right, demand
from app.core.unit import persistently
from app.web.clerk.door import Answered, Door, Form
from app.web.clerk.till import till_of
from cards.counter_report import BOOKED_BY
from cards.fraud import suspect
from cards.orders import earned_of
from cards.receipts.deciding import Judge, Verdict, decide
from cards.receipts.reading import list_waiting, waiting_picture

MOST = 10


class DecideForm(Form):
    """What was decided, and what the picture says where the customer wrote it differently."""

    decision: Literal["approve", "refuse"]
    reason: str = Field(min_length=1, max_length=200)
    number: str | None = Field(default=None, min_length=1, max_length=40)
    amount_fen: int | None = Field(default=None, gt=0, le=10**9)
    paid_on: date | None = None


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`receipts`, `receipts/<id>` and `receipts/<id>/picture`."""

    def receipts() -> Answered:
        with door.counter() as (session, presence):
            demand(presence.rights, Right.BOOK)
            return {"receipts": list_waiting(session, door.house.ring, store_id=presence.store.id, limit=MOST)}

    def picture(receipt_id: UUID) -> Answered:
        with door.counter() as (session, presence):
            demand(presence.rights, Right.BOOK)
            found = waiting_picture(session, door.house.ring, receipt_id, store_id=presence.store.id)
        return Response(found, content_type="image/jpeg", headers={"Cache-Control": "no-store, private"})

    def decide_one(receipt_id: UUID) -> Answered:
        form = door.read(DecideForm)
        try:
            # A sale holds its wallet before its number, a verdict the number before the wallet: one of two that clash is repeated.
            return persistently(lambda: _decide(door, receipt_id, form))
        except ConflictError as error:
            if error.code == "own_receipt":
                _suspect(door, receipt_id)
            raise

    door.api(blueprint, "receipts", receipts)
    door.api(blueprint, "receipts/<uuid:receipt_id>/picture", picture)
    door.api(blueprint, "receipts/<uuid:receipt_id>", decide_one, post=True)


def _decide(door: Door, receipt_id: UUID, form: DecideForm) -> Answered:
    house = door.house
    with door.counter() as (session, presence):
        demand(presence.rights, Right.BOOK)
        done = decide(
            session,
            receipt_id,
            Verdict(form.decision, form.reason, form.number, form.amount_fen, form.paid_on),
            judge=Judge(presence.staff.name, f"{BOOKED_BY}{presence.staff.login}", presence.staff.id, presence.store.id),
            ring=house.ring,
            registry=house.registry,
            now=house.clock.now(),
        )
        earned = [] if done.purchase_id is None else earned_of(session, done.purchase_id)
        return {"decided": str(receipt_id), "state": str(done.state), "points": sum(each.points for each in earned)}


def _suspect(door: Door, receipt_id: UUID) -> None:
    """Somebody tried to decide on his own receipt: a supervisor sees it."""
    with door.counter() as (session, presence):
        till, detail = till_of(presence, address=door.address), {"receipt": str(receipt_id)}
        suspect(session, "own_purchase", till=till, now=door.house.clock.now(), customer_id=None, coupon_id=None, detail=detail)
