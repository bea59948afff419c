"""What every call of a mini program goes through: its account, its token, the bounds of its body, and WeChat's refusals in our words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import orjson
from flask import Response, request
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.core.accounts import OpenAccount
from app.core.errors import BadRequestError, FankaError, ForbiddenError, NotFoundError, UnavailableError
from app.core.followers import find_follower
from app.core.house import House
from app.core.nouns import AccountKind, Customer, Follower
from app.core.tries import count_try
from app.web.limits import read_bounded
from app.web.miniapi.tokens import Held, Seals
from app.wechat.errors import WeChatError
from cards.membership import card_of
from cards.models.membership import CardState, MemberCard
from cards.models.programme import Programme
from cards.phones import living_customer

MAX_BODY = 8 * 1024
MOST_PER_ADDRESS = 600
"""Log-ins a minute from one address: a shopping mall's customers share one."""
_WORTHLESS = frozenset({40003, 40029, 40163, 41008})
"""WeChat's codes for a code that is unknown, old, used, or somebody else's."""
_HIGH_RISK = 40226
JSON = "application/json"


class NoTokenError(FankaError):
    """No token, or none that opens anything here."""

    status = 401
    code = "unauthorized"

    def __init__(self) -> None:
        super().__init__("请重新登录小程序 / log in to the mini program again")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds the phone. `customer` and `card` are None as long as the house keeps nothing of him."""

    held: Held
    account: OpenAccount
    programme: Programme
    customer: Customer | None
    card: MemberCard | None


class Door:
    """Holds the house for every call."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.seals = Seals(house.ring)

    @property
    def now(self) -> datetime:
        return self.house.clock.now()

    def bound(self) -> None:
        """Before anything else: a body is small, JSON, and exactly as long as it says."""
        if request.method != "POST" or request.routing_exception is not None:
            return
        request.environ["wsgi.input"] = BytesIO(read_bounded(request.environ, limit=MAX_BODY))
        if request.mimetype != JSON:
            raise BadRequestError("内容应为 JSON / the body is application/json", code="unsupported_type", status=415)

    def account(self, appid: str) -> OpenAccount:
        """The mini program of an address. Raises NotFoundError, also for an account of another kind."""
        found = self.house.accounts.by_appid(appid)
        if found is None or found.kind != AccountKind.MINI:
            raise NotFoundError("没有这个小程序 / there is no such mini program", code="unknown_account")
        return found

    def held(self, account: OpenAccount) -> Held:
        """What the token of this call says. Raises NoTokenError for none, a forged one, one that is over, and one of another account."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        found = self.seals.read(token.strip(), now=self.now) if scheme.lower() == "bearer" else None
        if found is None or found.account != account.public_id:
            raise NoTokenError
        return found

    def who(self, session: Session, account: OpenAccount, held: Held, programme: UUID | None) -> Caller:
        """Whoever calls, with his card in a programme. Raises NoTokenError for a token from before its person was forgotten."""
        wanted = programme_of(session, programme)
        follower = find_follower(session, account_id=account.id, appid=account.appid, openid=held.openid)
        if follower is not None:
            self.still_good(follower, held)
        if follower is None or follower.openid is None:
            return Caller(held, account, wanted, None, None)
        customer = living_customer(session, follower.customer_id)
        return Caller(held, account, wanted, customer, card_of(session, customer_id=customer.id, programme_id=wanted.id))

    def still_good(self, follower: Follower, held: Held) -> None:
        """Raises NoTokenError for a token from before its person was forgotten: he has to say anew who he is."""
        if follower.erased_at is not None and follower.erased_at.timestamp() >= held.at:
            raise NoTokenError

    def is_member(self, session: Session, account: OpenAccount, held: Held) -> bool:
        """Whether somebody who just logged in has a card of any programme."""
        follower = find_follower(session, account_id=account.id, appid=account.appid, openid=held.openid)
        if follower is None or follower.openid is None:
            return False
        customer = living_customer(session, follower.customer_id)
        has = select(exists().where(MemberCard.customer_id == customer.id, MemberCard.state == CardState.ACTIVE))
        return bool(session.scalar(has))

    def count_login(self) -> None:
        """Raises TooManyError."""
        key = f"mini-address:{request.remote_addr or 'unknown'}"
        count_try(self.house.engine, key, most=MOST_PER_ADDRESS, window=timedelta(minutes=1), now=self.now)


def programme_of(session: Session, named: UUID | None) -> Programme:
    """The programme by its id, else the first one. Raises NotFoundError."""
    query = select(Programme).order_by(Programme.id).limit(1)
    found = session.scalar(query if named is None else query.where(Programme.public_id == named))
    if found is None:
        raise NotFoundError("没有这个会员计划 / there is no such programme", code="no_programme")
    return found


def in_our_words(error: WeChatError) -> FankaError:
    """What WeChat refused, as the mini program is to hear it."""
    if error.code in _WORTHLESS:
        return BadRequestError("code 无效、已过期或已使用，请重新获取 / the code is unknown, old or used; get another one", code="bad_code")
    if error.code == _HIGH_RISK:
        return ForbiddenError("微信拦截了这次登录 / WeChat blocked this log-in", code="blocked_by_wechat")
    return UnavailableError("微信暂时没有应答，请稍后再试 / WeChat does not answer; try again in a moment", code="wechat_away")


def reply(body: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON answer that nobody keeps."""
    made = Response(orjson.dumps(body), status, content_type=JSON)
    made.headers["Cache-Control"] = "no-store"
    return made
