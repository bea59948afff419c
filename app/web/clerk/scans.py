"""The last scans of a device, refused ones too, and those that wait for a supervisor."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.core.gate import Right, demand, devices_of, see
from app.core.house import House
from app.core.logins import Presence
from app.core.nouns import Customer
from app.web.clerk.door import Answered, Door, Form
from app.web.clerk.till import client_of, till_of
from cards.counter_report import INSTANT, by_clerk
from cards.coupons.undo import OWN_UNDO
from cards.models.coupons import Coupon, CouponTemplate
from cards.models.redemption import Attempt, CouponUse
from cards.parked import count_parked, open_parked, park, settle
from cards.receipts.reading import count_waiting
from cards.refusals import SENTENCES
from cards.reviews import count_cases

MOST = 20


class ParkForm(Form):
    attempt: UUID
    code: str = Field(default="", max_length=32)
    what: str = Field(default="", max_length=80)
    why: str = Field(default="", max_length=200)


class SettleForm(Form):
    verdict: str = Field(max_length=8)
    note: str = Field(max_length=200)


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`recent`, `parked` and `parked/<id>`."""

    def recent() -> Answered:
        with door.counter() as (session, presence):
            now = door.house.clock.now()
            return {
                "scans": last_scans(session, door.house, presence, now=now),
                "tally": tally(session, presence, now=now),
                "parked": count_parked(session, store_id=presence.store.id, among=devices_of(presence.staff)),
                "reviews": count_cases(session, store_id=presence.store.id) if Right.RESOLVE in presence.rights else 0,
                "receipts": count_waiting(session, store_id=presence.store.id) if Right.BOOK in presence.rights else 0,
            }

    def parked() -> Answered:
        with door.counter() as (session, presence):
            waiting = open_parked(session, store_id=presence.store.id, among=devices_of(presence.staff))
            return {
                "parked": [
                    {"id": str(each.scan.public_id), "what": each.scan.what, "why": each.scan.why, "at": each.scan.at, "by": each.by}
                    for each in waiting
                ]
            }

    def park_one() -> Answered:
        """A clerk hands a refusal to the supervisor."""
        form = door.read(ParkForm)
        with door.counter() as (session, presence):
            demand(presence.rights, Right.REDEEM)
            till, now = till_of(presence, address=door.address), door.house.clock.now()
            said = SENTENCES.get(form.code)
            why = {"zh": form.why, "en": form.why} if said is None else {"zh": said.why_zh, "en": said.why_en}
            return {"fresh": park(session, form.attempt, till=till, what=form.what, code=form.code, why=why, now=now)}

    def settle_one(parked_id: UUID) -> Answered:
        form = door.read(SettleForm)
        with door.counter() as (session, presence):
            demand(presence.rights, Right.RESOLVE)
            who, now = presence.staff.name, door.house.clock.now()
            among = devices_of(presence.staff, right=Right.RESOLVE)
            settle(session, parked_id, store_id=presence.store.id, among=among, verdict=form.verdict, said=form.note, actor=who, now=now)
            return {"settled": str(parked_id)}

    door.api(blueprint, "recent", recent)
    door.api(blueprint, "parked", parked)
    door.api(blueprint, "parked/new", park_one, post=True)
    door.api(blueprint, "parked/<uuid:parked_id>", settle_one, post=True)


def tally(session: Session, presence: Presence, *, now: datetime) -> dict[str, int]:
    """What this shift came to so far."""
    found = by_clerk(session, store_id=presence.store.id, since=presence.shift.opened_at, until=now + INSTANT)
    own = next((each for each in found if each.login == presence.staff.login), None)
    return {"number": own.redeemed if own else 0, "pay_fen": own.pay_fen if own else 0}


def last_scans(session: Session, house: House, presence: Presence, *, now: datetime) -> list[dict[str, Any]]:
    """The last twenty scans of this device, newest first: a redemption with its use, a refusal with its sentence."""
    undone = aliased(CouponUse)
    query = (
        select(Attempt, CouponUse, CouponTemplate.name, Customer, undone.id)
        .outerjoin(CouponUse, CouponUse.id == Attempt.use_id)
        .outerjoin(undone, undone.reverses_id == CouponUse.id)
        .outerjoin(Coupon, Coupon.id == Attempt.coupon_id)
        .outerjoin(CouponTemplate, CouponTemplate.id == Coupon.template_id)
        .outerjoin(Customer, Customer.id == Coupon.customer_id)
        .where(Attempt.device_id == presence.device.id, Attempt.act.in_(("redeem", "preview", "sell")))
        .order_by(Attempt.at.desc(), Attempt.id.desc())
        .limit(MOST)
    )
    return [_line(house, presence, row, now=now) for row in session.execute(query)]


def _line(house: House, presence: Presence, row: Any, *, now: datetime) -> dict[str, Any]:
    attempt, use, name, customer, undone = row
    said = SENTENCES.get(attempt.outcome)
    own = use is not None and (use.staff_id, use.client_id) == (presence.staff.id, client_of(presence))
    until = None if use is None else use.at + OWN_UNDO
    outcome = "refused" if attempt.outcome not in ("done", "already_used") else attempt.outcome
    return {
        "attempt": str(attempt.attempt_id),
        "act": attempt.act,
        "outcome": "undone" if undone is not None else outcome,
        "what": name or "",
        "who": "" if customer is None else see(house.ring, customer).name,
        "why": None if said is None else {"zh": said.why_zh, "en": said.why_en},
        "next": None if said is None else {"zh": said.next_zh, "en": said.next_en},
        "shown": attempt.shown,
        "at": attempt.at,
        "by": attempt.actor,
        "where": presence.store.name,
        "use": None if use is None else str(use.public_id),
        "discount_fen": 0 if use is None else use.discount_fen,
        "undo_until": until if until is not None and own and undone is None and until > now else None,
    }
