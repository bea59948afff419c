"""What every call of the open API goes through: its key, its scopes, its idempotency key, and one form of answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from io import BytesIO
from typing import Any, ParamSpec
from uuid import UUID

import orjson
from apiflask import APIFlask
from flask import Response, g, request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.core.clients import find_client
from app.core.errors import BadRequestError, FankaError, ForbiddenError
from app.core.house import House
from app.core.idempotency import Answer, answer_once
from app.core.unit import reading
from app.web.limits import read_bounded
from app.web.problems import MEDIA_TYPE, problem
from cards.refusals import RefusedError

MAX_BODY = 256 * 1024
MAX_PICTURE = 3 * 1024 * 1024
"""For the one call that carries a picture in base64."""
_PICTURES = "/pages/pictures"
JSON = "application/json"
_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_P = ParamSpec("_P")


class UnknownKeyError(FankaError):
    """No key, or one that opens nothing."""

    status = 401
    code = "unauthorized"


@dataclass(frozen=True, slots=True)
class Client:
    """Who is calling: what of an `ApiClient` a call needs."""

    public_id: UUID
    name: str
    scopes: frozenset[str]
    programme_id: int
    unit_id: int | None

    @property
    def actor(self) -> str:
        """As transactions and the audit name it."""
        return f"api:{self.name}"[:64]


@dataclass(frozen=True, slots=True)
class Call:
    """A writing call: where it is, which scope opens it, how the document calls it, what it asks and what it answers.

    It answers with `status`, and with 200 when it was on record before; the document then says `known`.
    """

    address: str
    scope: str
    tag: str
    summary: str
    asks: type[BaseModel]
    answers: type[BaseModel]
    known: str = "The reference was on record already."
    verb: str = "POST"
    status: int = 201


class Door:
    """Guards the calls of one house."""

    def __init__(self, house: House) -> None:
        self.house = house

    def bound(self) -> None:
        """Before anything else: no NUL in a question (one in a path leads nowhere, on every page); bodies are small, JSON, and as long as they say."""
        if "%00" in request.environ.get("QUERY_STRING", ""):
            raise BadRequestError("the question holds a NUL", code="bad_query")
        if request.method not in _WRITING or request.routing_exception is not None:
            return
        body = read_bounded(request.environ, limit=MAX_PICTURE if request.path == _PICTURES else MAX_BODY)
        request.environ["wsgi.input"] = BytesIO(body)
        if request.mimetype != JSON:
            raise BadRequestError("the body is application/json", code="unsupported_type", status=415)

    def needs(self, scope: str) -> Callable[[Callable[_P, Response]], Callable[_P, Response]]:
        """Only for clients with this scope; the view finds the client by `client()`."""

        def guard(view: Callable[_P, Response]) -> Callable[_P, Response]:
            @wraps(view)
            def guarded(*args: _P.args, **kwargs: _P.kwargs) -> Response:
                g.client = self._known()
                if scope not in g.client.scopes:
                    raise ForbiddenError(f"this key lacks the scope {scope}", code="scope_missing")
                return view(*args, **kwargs)

            return guarded

        return guard

    def writes(self, api: APIFlask, call: Call) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
        """Put a writing call on the API. What is decorated does it in the transaction of the call's key: `(session, caller, wish, **place) -> Answer`.

        `wish` is the body in its shape, `place` what the address says.
        """

        def put(act: Callable[..., Answer]) -> Callable[..., Answer]:
            @api.route(call.address, methods=[call.verb])
            @api.doc(summary=call.summary, tags=[call.tag], security="key", responses={200: call.known} if call.known else None)
            @self.needs(call.scope)
            @api.input(call.asks, arg_name="wish")
            @api.output(call.answers, status_code=call.status)
            @wraps(act)
            def view(*, wish: BaseModel, **place: str) -> Response:
                caller = client()
                return self.once(lambda session: act(session, caller, wish, **place))

            return act

        return put

    def once(self, act: Callable[[Session], Answer]) -> Response:
        """Do a writing call once under its Idempotency-Key; the same call again gets the same answer and `Idempotency-Hit: true`.

        The key belongs to this client, method, address and body.
        """
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            raise BadRequestError("every writing call needs an Idempotency-Key", code="idempotency_key_missing")
        asked = f"{request.method} {request.script_root}{request.path}\n".encode() + request.get_data()
        answer = answer_once(
            self.house, client_id=f"api:{client().public_id}", key=key, body=asked, act=act, refuse=lambda _, error: as_problem(error)
        )
        said = reply(answer.body, answer.status)
        if answer.hit:
            said.headers["Idempotency-Hit"] = "true"
        return said

    def _known(self) -> Client:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise UnknownKeyError("give the key as `Authorization: Bearer fk_...`")
        with reading(self.house.engine, timeout_ms=5000) as session:
            found = find_client(session, key.strip())
        if found is None:
            raise UnknownKeyError("this key is unknown or revoked")
        return Client(found.public_id, found.name, frozenset(found.scopes), found.programme_id, found.business_unit_id)


def client() -> Client:
    """Who makes the call in hand."""
    found: Client = g.client
    return found


def reply(body: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON answer; a refusal is a problem document."""
    made = Response(orjson.dumps(body), status, content_type=JSON if status < 400 else MEDIA_TYPE)
    made.headers["Cache-Control"] = "no-store"
    return made


def as_problem(error: FankaError) -> dict[str, Any]:
    """The problem document of a refusal, with its own sentence in both languages where it has one, and what to do next where that is known."""
    told = error.in_words() if isinstance(error, RefusedError) else error.detail
    made: dict[str, Any] = orjson.loads(problem(error.status, str(error.code), told).get_data())
    zh, _, en = told.partition(" / ")
    return {**made, "detail": zh, "detail_en": en} if en else made
