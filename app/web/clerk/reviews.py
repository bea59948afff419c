"""What the defences caught at this store: a supervisor releases or refuses each case, once, with a reason."""

from typing import Literal
from uuid import UUID

from flask import Blueprint
from pydantic import Field

from app.core.gate import Right, demand
from app.web.clerk.door import Answered, Door, Form
from cards.reviews import decide, list_cases


class DecideForm(Form):
    decision: Literal["release", "refuse"]
    reason: str = Field(min_length=1, max_length=200)


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`reviews` and `reviews/<id>`."""

    def reviews() -> Answered:
        with door.counter() as (session, presence):
            demand(presence.rights, Right.RESOLVE)
            return {"cases": [each.as_json() for each in list_cases(session, door.house.ring, store_id=presence.store.id)]}

    def decide_one(case_id: UUID) -> Answered:
        form = door.read(DecideForm)
        with door.counter() as (session, presence):
            demand(presence.rights, Right.RESOLVE)
            done = decide(
                session,
                case_id,
                decision=form.decision,
                reason=form.reason,
                actor=presence.staff.name,
                registry=door.house.registry,
                now=door.house.clock.now(),
                staff_id=presence.staff.id,
                store_id=presence.store.id,
            )
            return {"decided": str(case_id), "state": done.state}

    door.api(blueprint, "reviews", reviews)
    door.api(blueprint, "reviews/<uuid:case_id>", decide_one, post=True)
