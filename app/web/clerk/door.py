"""The door of the clerk's page: who stands there, whether the request comes from our own page, and what it may bring."""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from flask import Blueprint, Response, request
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, FankaError, ForbiddenError
from app.core.idempotency import Answer
from app.core.logins import Presence, find_presence
from app.core.tries import TooManyError
from app.core.unit import work
from app.web.limits import read_bounded
from app.web.problems import answer_refusal
from cards.refusals import RefusedError

if TYPE_CHECKING:
    from app.core.house import House

DEVICE_COOKIE, STAFF_COOKIE = "fanka_device", "fanka_staff"
HEADER = "X-Fanka-Clerk"
QUEUED = "X-Fanka-Queued"
MAX_BODY = 16 * 1024
_PATH = "/clerk"
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "worker-src 'self'; manifest-src 'self'; media-src 'self' blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
Given = TypeVar("Given", bound=BaseModel)
Answered = Mapping[str, Any] | Response


class Form(BaseModel):
    """Base of what the page sends: unknown names are refused, texts are trimmed and bounded."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, str_max_length=400)


class Door:
    """Holds the house for every route of the page."""

    def __init__(self, house: "House") -> None:
        self.house = house
        self._public = urlsplit(house.settings.public_url)

    def api(self, blueprint: Blueprint, rule: str, act: Callable[..., Answered], *, post: bool = False) -> None:
        """Offer `act` at `/clerk/api/<rule>` to our own page alone; what it raises becomes a problem document."""

        @functools.wraps(act)
        def answer(**parts: Any) -> Response:
            try:
                self._check_origin()
                made = act(**parts)
            except TooManyError as error:
                return answer_refusal(error)
            except RefusedError as error:
                return as_json(error.for_clerk(), error.status)
            return made if isinstance(made, Response) else as_json(made)

        blueprint.add_url_rule(
            f"/clerk/api/{rule}", f"{act.__module__.rsplit('.', 1)[-1]}_{act.__name__}", answer, methods=["POST" if post else "GET"]
        )

    def _check_origin(self) -> None:
        """Cookies are SameSite=Strict; beside that a request must carry our header, which no foreign page can set, and our own origin."""
        origin = request.headers.get("Origin")
        ours = {request.host, self._public.netloc}
        foreign = origin is not None and urlsplit(origin).netloc not in ours
        fetched = request.headers.get("Sec-Fetch-Site", "same-origin")
        if request.headers.get(HEADER) != "1" or foreign or fetched != "same-origin" or (request.method == "POST" and origin is None):
            raise ForbiddenError("请从核销页面操作 / this call belongs to the clerk's page alone", code="foreign_origin")

    def read(self, form: type[Given]) -> Given:
        """The body as a form. Raises BadRequestError that names the field."""
        return read_form(self.body(), form)

    def body(self) -> bytes:
        """The bounded JSON body. Raises BadRequestError."""
        if request.mimetype != "application/json":
            raise BadRequestError("请求内容应为 JSON / the body must be JSON", code="unsupported_type", status=415)
        return read_bounded(request.environ, limit=MAX_BODY)

    @contextmanager
    def counter(self) -> Iterator[tuple[Session, Presence]]:
        """One transaction with who stands at the counter. Raises NotPairedError, NotLoggedInError."""
        with work(self.house.engine) as session:
            yield session, self.who(session)

    def who(self, session: Session) -> Presence:
        """Who stands at the counter. Raises NotPairedError, NotLoggedInError."""
        tokens = {"token": request.cookies.get(STAFF_COOKIE, ""), "device_token": self.device_token}
        return find_presence(session, now=self.house.clock.now(), **tokens)

    @property
    def device_token(self) -> str:
        return request.cookies.get(DEVICE_COOKIE, "")[:100]

    @property
    def address(self) -> str:
        return request.remote_addr or "unknown"

    def set_cookie(self, answer: Response, name: str, value: str, *, days: float) -> None:
        """A cookie no script reads and no other site sends."""
        secure = self._public.scheme == "https"
        answer.set_cookie(name, value, max_age=int(days * 86_400), path=_PATH, secure=secure, httponly=True, samesite="Strict")

    def drop_cookie(self, answer: Response, name: str) -> None:
        answer.delete_cookie(name, path=_PATH, httponly=True, samesite="Strict")

    def dress(self, answer: Response) -> Response:
        """The headers every answer of this page wears."""
        answer.headers["Content-Security-Policy"] = _POLICY
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "same-origin"
        answer.headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=()"
        answer.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        # Count-downs on the page follow this clock, not the phone's.
        answer.headers["X-Fanka-Now"] = self.house.clock.now().isoformat()
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer


def read_form(body: bytes, form: type[Given]) -> Given:
    """A JSON body as a form. Raises BadRequestError (422) that names the first field that is wrong."""
    if b"\\u0000" in body:
        raise BadRequestError("内容含有不可用的字符 / a text holds a sign that cannot be kept", code="bad_field", status=422)
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise BadRequestError(f"{where} 填写有误 / {where}: {first['msg']}", code="bad_field", status=422) from error


def as_json(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(body, default=str), status, content_type="application/json")


def answered(answer: Answer, told: Mapping[str, Any] | None = None) -> Response:
    """An answer that may have been given before: then it says so."""
    made = as_json(answer.body if told is None else told, answer.status)
    if answer.hit:
        made.headers["Idempotency-Hit"] = "true"
    return made


def idempotency_key() -> str:
    """The id of an attempt, made on the device before the request left it. Raises BadRequestError."""
    given = request.headers.get("Idempotency-Key", "")
    try:
        return str(UUID(given))
    except ValueError as error:
        raise BadRequestError("缺少本次操作的编号 / Idempotency-Key must be a UUID", code="bad_idempotency_key") from error


def refusal_body(error: FankaError) -> dict[str, Any]:
    """A refusal as the page shows it: red, with its sentences in both languages."""
    zh, _, en = error.detail.partition(" / ")
    return {"outcome": "refused", "code": str(error.code), "why": {"zh": zh, "en": en or zh}}
