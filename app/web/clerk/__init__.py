"""The clerk's page: a phone at the counter that redeems, finds members, books purchases and hands over."""

from typing import TYPE_CHECKING

from flask import Blueprint

from app.web.clerk import entry, members, pages, purchases, receipts, redeeming, report, reviews, scanned, scans, selling, shifts
from app.web.clerk.door import Door

if TYPE_CHECKING:
    from app.core.house import House

__all__ = ["make_clerk"]


def make_clerk(house: "House") -> Blueprint:
    """The blueprint of `/clerk`; one per process, made after a fork."""
    door = Door(house)
    blueprint = Blueprint("clerk", __name__, template_folder="../templates")
    for room in (pages, entry, scanned, redeeming, selling, members, purchases, scans, shifts, report, reviews, receipts):
        room.add_routes(blueprint, door)
    blueprint.after_request(door.dress)
    return blueprint
