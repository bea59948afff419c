"""Which phone this is: a number in a sealed-off cookie, so that many accounts in one hand are seen to be one phone."""

import secrets

from flask import request
from werkzeug.wrappers import Response

from app.core.errors import ForbiddenError
from app.web.h5.door import Door
from cards.codes import is_signed, sign_text

COOKIE = "fanka_phone"
YEARS_S = 3 * 366 * 86_400
_BITS, _SIGNS = 62, 32


def device_of(door: Door) -> int | None:
    """The number of this phone, when its cookie is one of ours."""
    written, _, signature = request.cookies.get(COOKIE, "")[:100].partition(".")
    if not written.isascii() or not written.isdigit() or len(written) > 19 or not signature.isascii():
        return None
    return int(written) if is_signed(door.house.ring, "h5 phone", written, signature) else None


def must_know(door: Door) -> int:
    """The number of this phone, which the page that was opened before gave it. Raises ForbiddenError for one without."""
    number = device_of(door)
    if number is None:
        raise ForbiddenError("页面已过期，请返回重试 / this page is too old; go back and try again", code="foreign_form")
    return number


def number_it(door: Door, answer: Response) -> Response:
    """Give a phone that has none its number."""
    if device_of(door) is None:
        number = str(secrets.randbits(_BITS) | 1)
        signature = sign_text(door.house.ring, "h5 phone", number)[:_SIGNS]
        door.set_cookie(answer, COOKIE, f"{number}.{signature}", seconds=YEARS_S)
    return answer
