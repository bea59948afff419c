"""`/`: the front door. Whoever was given only the address finds the card, the rules and the counter from here."""

from flask import Blueprint, Response
from sqlalchemy import select

from app.web.h5.door import Door
from app.web.h5.home import face_of
from cards.models.membership import OpeningGift
from cards.models.programme import Programme
from cards.tier_changes import read_ladder


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/`."""

    @blueprint.get("/")
    def front() -> Response:
        with door.reading() as session:
            programme = session.scalar(select(Programme).order_by(Programme.id).limit(1))
            gift = None if programme is None else session.get(OpeningGift, programme.id)
            ladder = [] if programme is None else read_ladder(session, programme.id)
            face, waits = face_of(ladder[0] if ladder else None), 0 if gift is None else gift.points
            return door.page("front", programme=programme, gift=waits, face=face)
