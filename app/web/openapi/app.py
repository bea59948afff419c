"""The application behind `/api/v1`: its routes, its problem documents, and its own OpenAPI document."""

from apiflask import APIFlask, HTTPError
from flask import Flask, Response

from app.core.errors import FankaError
from app.core.house import House
from app.web.documented import make_documented, mount
from app.web.openapi import deeds, orders, pages, points, settlement, tills, value
from app.web.openapi.document import complete
from app.web.openapi.door import Door, as_problem, reply

BASE = "/api/v1"


def make_api(house: House) -> APIFlask:
    """The API as an application of its own."""
    api = make_documented(
        "fanka.openapi",
        title="Fanka 粉卡",
        base=BASE,
        description="Orders, points, stored value, the settlement between units, tills, and claim pages. Money is in fen, moments are RFC 3339, errors are RFC 9457 problem documents.",
        security={"key": "A key of `fanka client add`."},
        complete=complete,
    )
    api.register_error_handler(FankaError, _refused)
    api.error_processor(_invalid)
    door = Door(house)
    api.before_request(door.bound)
    for room in (orders, points, value, settlement, tills, deeds, pages):
        room.add_routes(api, door)
    return api


def mount_api(flask_app: Flask, house: House) -> None:
    """Let a web application answer `/api/v1` with the API."""
    mount(flask_app, BASE, make_api(house))


def _refused(error: FankaError) -> Response:
    said = reply(as_problem(error), error.status)
    if error.status == 401:
        said.headers["WWW-Authenticate"] = "Bearer"
    return said


def _invalid(error: HTTPError) -> Response:
    """What does not fit its schema, field by field."""
    wrong = FankaError("内容不符合要求 / the content does not fit its schema", code="invalid", status=error.status_code)
    fields = error.detail if isinstance(error.detail, dict) else {}
    named = [
        {"field": field, "detail": message}
        for place in fields.values()
        if isinstance(place, dict)
        for field, messages in place.items()
        for message in messages
    ]
    return reply({**as_problem(wrong), "errors": named[:50]}, error.status_code)
