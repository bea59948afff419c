"""The customer's phone pages: his card, codes, coupons and statement, and the page on which he becomes a member."""

from typing import TYPE_CHECKING

from flask import Blueprint

from app.web.h5 import asked, code, coupons, deeds, entry, front, gifts, home, join, pages, profile, receipts, rules, sorry, statement
from app.web.h5.door import Door

if TYPE_CHECKING:
    from app.core.house import House

__all__ = ["make_h5"]


def make_h5(house: "House") -> Blueprint:
    """The blueprint of `/`, `/me`, `/join`, `/c` and `/h5`; one per process, made after a fork."""
    door = Door(house)
    blueprint = Blueprint("h5", __name__, template_folder="../templates")
    for room in (front, entry, home, code, asked, coupons, gifts, statement, rules, join, profile, deeds, pages, receipts):
        room.add_routes(blueprint, door)
    sorry.mind(blueprint, door)
    return blueprint
