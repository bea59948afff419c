"""The application behind `/mini`: its routes, its problem documents, and its own OpenAPI document."""

from typing import Any

import orjson
from apiflask import APIFlask, HTTPError
from flask import Flask, Response

from app.core.errors import FankaError
from app.core.house import House
from app.web import problems
from app.web.documented import PROBLEM, make_documented, mount
from app.web.miniapi import card, session
from app.web.miniapi.door import Door

BASE = "/mini"
_REFUSALS = {
    "400": "The request cannot be read, or WeChat does not know the code (`bad_code`).",
    "401": "The token is missing, over, forged, of another mini program, or its person was forgotten: log in again.",
    "403": "WeChat blocked this log-in (`blocked_by_wechat`).",
    "404": "There is no such mini program or programme, or no card yet (`no_card`).",
    "411": "The request has no Content-Length.",
    "413": "The body is over 8 KiB.",
    "415": "The body is not application/json.",
    "422": "The content does not fit, or he did not agree (`no_consent`).",
    "429": "Too often; Retry-After says when again.",
    "503": "WeChat does not answer (`wechat_away`), or a part of the house.",
}


def make_mini(house: House) -> APIFlask:
    """The mini programs' API as an application of its own."""
    api = make_documented(
        "fanka.miniapi",
        title="Fanka 粉卡 · 小程序",
        base=BASE,
        description="What a mini program of the house asks: who logged in, and his card. Moments are RFC 3339, errors are RFC 9457 problem documents.",
        security={"token": "The token of `POST /{appid}/session`."},
        complete=_complete,
    )
    api.register_error_handler(FankaError, _refused)
    api.error_processor(_invalid)
    door = Door(house)
    api.before_request(door.bound)
    for room in (session, card):
        room.add_routes(api, door)
    return api


def mount_mini(flask_app: Flask, house: House) -> None:
    """Let a web application answer `/mini`."""
    mount(flask_app, BASE, make_mini(house))


def _refused(error: FankaError) -> Response:
    said = problems.answer_refusal(error)
    if error.status == 401:
        said.headers["WWW-Authenticate"] = "Bearer"
    return said


def _invalid(error: HTTPError) -> Response:
    """What does not fit its schema, field by field; what was sent is not repeated."""
    said = problems.answer_refusal(
        FankaError("内容不符合要求 / the content does not fit its schema", code="invalid", status=error.status_code)
    )
    fields = error.detail if isinstance(error.detail, dict) else {}
    named = [{"field": field} for place in fields.values() if isinstance(place, dict) for field in place]
    said.set_data(orjson.dumps({**orjson.loads(said.get_data()), "errors": named[:50]}))
    return said


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    """Add the refusals every call shares."""
    document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in document.get("paths", {}).values():
        for method, operation in path.items():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            for status, words in _REFUSALS.items():
                if method == "post" or status not in {"411", "413", "415"}:
                    operation["responses"].setdefault(status, {"description": words, "content": content})
            if method == "post":
                operation.get("requestBody", {})["required"] = True
            if {"200", "201"} <= set(operation["responses"]):
                operation["responses"]["200"]["content"] = operation["responses"]["201"]["content"]
    return document
