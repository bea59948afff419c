"""What members did elsewhere, over the API: `POST /members/{member}/deeds`, which the earning rules may reward."""

from typing import Literal
from uuid import UUID

from apiflask import APIFlask
from pydantic import AwareDatetime, BaseModel
from sqlalchemy.orm import Session

from app.core.errors import NotFoundError
from app.core.idempotency import Answer
from app.web.openapi.door import Call, Client, Door
from cards.deeds import Deed, observe_deed
from cards.membership import card_of, find_member
from cards.models.membership import MemberCard
from cards.order_forms import Form, Number, Text64


class DeedIn(Form):
    """A form filled in, something shared, or an event attended. `ref` is the caller's own number: one deed each, whatever the key."""

    kind: Literal["form", "share", "event"]
    name: Text64
    """Of the form, the content or the event, as the rules name it."""
    ref: Number
    occurred_at: AwareDatetime | None = None
    """Now when it is not given; at most 30 days ago."""


class DeedOut(BaseModel):
    """The deed as it is on record. What it earns is posted within seconds, by the rules of its day."""

    kind: str
    name: str
    ref: str
    card: UUID


def add_routes(api: APIFlask, door: Door) -> None:
    """Put the call on the API."""
    house = door.house

    @door.writes(
        api,
        Call("/members/<member>/deeds", "members:deeds", "members", "Tell what a member did", DeedIn, DeedOut, "It was on record already."),
    )
    def post_deed(session: Session, caller: Client, wish: DeedIn, member: str) -> Answer:
        """Put a deed on record, by the number or the id of the member's card."""
        card, now = _member(session, door, member, caller), house.clock.now()
        deed = Deed(wish.kind, wish.name, wish.ref, wish.occurred_at)
        fresh = observe_deed(session, card, deed, teller=caller.public_id, registry=house.registry, now=now)
        said = {"kind": wish.kind, "name": wish.name, "ref": wish.ref, "card": str(card.public_id)}
        return Answer(201 if fresh else 200, said)


def _member(session: Session, door: Door, named: str, caller: Client) -> MemberCard:
    try:
        card = find_member(session, programme_id=caller.programme_id, public_id=UUID(named))
    except ValueError:
        card = find_member(session, programme_id=caller.programme_id, number=named[:64], ring=door.house.ring)
    card = card and card_of(session, customer_id=card.customer_id, programme_id=caller.programme_id)
    if card is None:
        raise NotFoundError("没有这位会员 / there is no such member", code="unknown_member")
    return card
