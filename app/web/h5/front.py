"""`/`: the front door. Whoever was given only the address finds the card, the rules and the counter from here."""

from flask import Blueprint, Response
from sqlalchemy import select

from app.web.h5.door import Door
from cards.models.programme import Programme


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/`."""

    @blueprint.get("/")
    def front() -> Response:
        with door.reading() as session:
            name = session.scalar(select(Programme.name).order_by(Programme.id).limit(1))
        return door.page("front", programme=name)
