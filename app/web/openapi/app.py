"""The application behind `/api/v1`: its routes, its problem documents, and its own OpenAPI document."""

from typing import Any

import orjson
from apiflask import APIFlask, HTTPError
from flask import Flask, Response
from flask.json.provider import DefaultJSONProvider
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from app.core.errors import FankaError
from app.core.house import House
from app.web import problems
from app.web.openapi import deeds, orders, pages, points, settlement, tills, value
from app.web.openapi.document import complete
from app.web.openapi.door import Door, as_problem, reply

BASE = "/api/v1"
VERSION = "1.0.0"


class _Orjson(DefaultJSONProvider):
    """Reads JSON within bounds: nesting is limited, numbers fit 64 bits, text is UTF-8 without halves of signs and without NUL."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        del kwargs
        if "\\u0000" in s if isinstance(s, str) else b"\\u0000" in s:
            # No column of PostgreSQL takes it, and no honest text has it.
            raise ValueError("NUL in a text")
        return orjson.loads(s)


def make_api(house: House) -> APIFlask:
    """The API as an application of its own."""
    api = APIFlask(
        "fanka.openapi",
        title="Fanka 粉卡",
        version=VERSION,
        docs_path=None,
        json_errors=False,
        static_folder=None,  # type: ignore[arg-type]  # Flask's own way of saying that there are no files.
    )
    api.config.update(
        OPENAPI_VERSION="3.1.0",
        SERVERS=[{"url": BASE}],
        DESCRIPTION="Orders, points, stored value, the settlement between units, tills, and claim pages. Money is in fen, moments are RFC 3339, errors are RFC 9457 problem documents.",
        AUTO_AUTH_ERROR_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_404_RESPONSE=False,
        AUTO_200_RESPONSE=False,
        AUTO_OPERATION_ID=True,
        JSON_SORT_KEYS=False,
    )
    api.security_schemes = {"key": {"type": "http", "scheme": "bearer", "description": "A key of `fanka client add`."}}
    api.json = _Orjson(api)
    problems.install(api)
    api.register_error_handler(FankaError, _refused)
    api.error_processor(_invalid)
    api.spec_processor(complete)  # type: ignore[arg-type]  # A JSON document is asked for, so a dict comes.
    door = Door(house)
    api.before_request(door.bound)
    for room in (orders, points, value, settlement, tills, deeds, pages):
        room.add_routes(api, door)
    return api


def mount_api(flask_app: Flask, house: House) -> None:
    """Let a web application answer `/api/v1` with the API."""
    flask_app.wsgi_app = DispatcherMiddleware(flask_app.wsgi_app, {BASE: make_api(house)})  # type: ignore[method-assign]


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
