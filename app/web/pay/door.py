"""`POST /pay/wechat/<merchant>`: a notice is checked on its raw bytes, takes effect once, and is answered within five seconds."""

from typing import TYPE_CHECKING
from uuid import UUID

from flask import Blueprint, Response, request

from app.core.errors import NotFoundError
from app.core.log import get_logger
from app.core.unit import persistently, work
from app.web.limits import read_bounded
from app.wechat.pay_notices import read_notice
from cards.payments import find_keys, take_notice

if TYPE_CHECKING:
    from app.core.house import House

log = get_logger(__name__)
MAX_BODY = 64 * 1024


def make_pay(house: "House") -> Blueprint:
    """The blueprint; one per process, made after a fork."""
    blueprint = Blueprint("pay", __name__)

    @blueprint.post("/pay/wechat/<merchant>")
    def notified(merchant: str) -> Response:
        """204 takes the notice; any other answer lets WeChat repeat it."""
        body = read_bounded(request.environ, limit=MAX_BODY)
        now, headers = house.clock.now(), dict(request.headers.items())

        def take() -> None:
            with work(house.engine) as session:
                known, keys = find_keys(session, house.ring, _uuid(merchant))
                notice = read_notice(keys, headers=headers, body=body, now=now)
                kept = take_notice(session, known, notice, ring=house.ring, registry=house.registry, now=now)
                log.info("notice_taken", kind=notice.event_type, state=kept.state, reason=kept.code)

        persistently(take)
        return Response(status=204)

    return blueprint


def _uuid(written: str) -> UUID:
    try:
        return UUID(written)
    except ValueError as error:
        raise NotFoundError("there is no such merchant", code="no_merchant") from error
