"""The end of a turn: its totals, who pays for the coupons, and the hand-over that freezes them."""

from typing import Any

from flask import Blueprint
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import ConflictError, FankaError
from app.core.gate import Right, rights_at
from app.core.idempotency import Answer, answer_once
from app.core.logins import Presence, log_out
from app.core.people import Shift
from app.web.clerk.door import STAFF_COOKIE, Answered, Door, Form, answered, idempotency_key, refusal_body
from app.web.clerk.till import client_of
from cards.counter_report import INSTANT, Totals, by_clerk, by_unit


class CloseForm(Form):
    """Nothing is asked; the totals are the books' own."""


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`shift` and `shift/close`."""
    house = door.house

    def shift() -> Answered:
        with door.counter() as (session, presence):
            return told(session, presence, now=house.clock.now())

    def close() -> Answered:
        door.read(CloseForm)
        key = idempotency_key()
        with door.counter() as (_, presence):
            pass
        now = house.clock.now()

        def act(session: Session) -> Answer:
            totals = told(session, presence, now=now)["own"]
            # Guarded, so that two hand-overs of one turn do not both count.
            done = update(Shift).where(Shift.id == presence.shift.id, Shift.closed_at.is_(None)).values(closed_at=now, totals=totals)
            if session.scalar(done.returning(Shift.id)) is None:
                raise ConflictError("本班已交接 / this shift is handed over already", code="shift_closed")
            log_out(session, presence, now=now)
            detail = {name: totals[name] for name in ("redeemed", "discount_fen", "pay_fen")}
            shift_id = presence.shift.public_id
            note(session, at=now, actor=presence.staff.login, action="shift.closed", object_type="shift", object_id=shift_id, detail=detail)
            return Answer(200, {"closed": str(presence.shift.public_id), "totals": totals})

        def refuse(session: Session, error: FankaError) -> dict[str, Any]:
            del session
            return refusal_body(error)

        answer = answered(answer_once(house, client_id=client_of(presence), key=key, body=b"{}", act=act, refuse=refuse))
        if answer.status_code == 200:
            door.drop_cookie(answer, STAFF_COOKIE)
        return answer

    door.api(blueprint, "shift", shift)
    door.api(blueprint, "shift/close", close, post=True)


def told(session: Session, presence: Presence, *, now: Any) -> dict[str, Any]:
    """The turn so far. Colleagues' figures are for those who may see reports: of the whole store, or of their department."""
    since, whole = presence.shift.opened_at, Right.REPORT in rights_at(session, presence.staff, presence.store)
    part = None if whole or Right.REPORT not in presence.rights else presence.device.department_id
    found = by_clerk(session, store_id=presence.store.id, since=since, until=now + INSTANT, department_id=part)
    login = presence.staff.login
    own = next((each for each in found if each.login == login), Totals(login, presence.staff.name))
    everybody = Right.REPORT in presence.rights
    only = None if everybody else presence.staff.id
    bears = by_unit(session, store_id=presence.store.id, since=since, until=now + INSTANT, staff_id=only, department_id=part)
    return {
        "name": presence.staff.name,
        "from": since,
        "own": own.as_json(),
        "by_clerk": [each.as_json() for each in (found if everybody else [own])],
        "by_unit": [{"unit": each.unit, "redeemed": each.redeemed, "discount_fen": each.discount_fen} for each in bears],
    }
