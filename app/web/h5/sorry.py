"""When something is wrong, a page says what and what to do next: a refusal of ours, an address that leads nowhere, an accident."""

from functools import partial
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import FankaError
from app.core.log import get_logger
from app.core.tries import TooManyError
from app.web.h5.door import Door, NoCardError, NotHereError, dress
from app.web.h5.session import onward_of
from app.web.problems import answer_http, away_of, request_id

log = get_logger(__name__)
_MACHINES = ("/api", "/assets", "/clerk", "/health", "/pay", "/wechat")
"""Below these nobody reads: whoever asks gets a problem document."""
_GONE, _OFTEN = (404, 405, 410), 429


def mind(blueprint: Blueprint, door: Door) -> None:
    """Answer what goes wrong with a page, and dress every answer."""
    blueprint.register_error_handler(FankaError, partial(_refused, door))
    blueprint.register_error_handler(Exception, partial(_broke, door))
    for status in (404, 405):
        blueprint.app_errorhandler(status)(partial(_lost, door))
    blueprint.after_request(dress)


def _refused(door: Door, error: FankaError) -> AnyResponse:
    if request.path.endswith("/fresh") and error.status < 500:
        # A piece of a page cannot lead to WeChat; its script opens the whole page anew, which can.
        return Response(status=error.status)
    back = request.full_path.rstrip("?") if request.method == "GET" else "/me"
    if isinstance(error, NotHereError):
        asked = request.args.get("a", "")[:40]
        return redirect(f"/h5/enter?next={quote(back, safe='')}" + (f"&a={quote(asked)}" if asked else ""))
    if isinstance(error, NoCardError):
        return redirect(f"/join?next={quote(back, safe='')}")
    if error.status >= 500:
        log.error("page_failed", request=request_id(), endpoint=request.endpoint, reason=str(error.code))
    answer = _page(door, error)
    if isinstance(error, TooManyError):
        answer.headers["Retry-After"] = str(error.retry_after_s)
    return answer


def _broke(door: Door, error: Exception) -> Response | HTTPException:
    """What no room of ours refused: a form too large for Flask, or an accident, of which the visitor learns only its number."""
    if isinstance(error, HTTPException):
        status = error.code or 500
        if status < 400:
            # A redirect is an HTTPException too, and nothing is wrong.
            return error
        return _page(door, FankaError("", status=status)) if _is_read() else answer_http(error)
    away = away_of(error)
    log.error(
        "request_failed" if away is None else "part_away", request=request_id(), endpoint=request.endpoint, error_type=type(error).__name__
    )
    return _page(door, away or FankaError(""))


def _lost(door: Door, error: HTTPException) -> Response | HTTPException:
    """An address that leads nowhere: whoever reads gets a page, a program gets its problem document."""
    return dress(_page(door, FankaError("", status=error.code))) if _is_read() else answer_http(error)


def _is_read() -> bool:
    return "text/html" in request.headers.get("Accept", "") and not request.path.startswith(_MACHINES)


def _page(door: Door, error: FankaError) -> Response:
    status = error.status
    why = "gone" if status in _GONE else "often" if status == _OFTEN else "away" if status >= 500 else "no"
    again = onward_of(request.full_path.rstrip("?")) if status >= 500 and request.method == "GET" else ""
    return door.page("sorry", status, why=why, said=door.words.of_error(error), again=again, number=request_id())
