"""The door of the phone pages: who is here, in which language, with which form, and what every answer wears."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Response, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app.core.accounts import OpenAccount
from app.core.errors import FankaError, ForbiddenError, NotFoundError, UnavailableError
from app.core.followers import find_follower
from app.core.nouns import AccountKind, Customer, Follower
from app.core.unit import reading, work
from app.web.assets import asset_url, npm_url
from app.web.h5 import shown
from app.web.h5.session import COOKIE, LIFE, LONGEST, Pass, Seals
from app.web.h5.words import Words, choose
from cards.membership import card_of
from cards.models.membership import MemberCard
from cards.models.programme import Programme
from cards.phones import living_customer

if TYPE_CHECKING:
    from app.core.house import House

MAX_FORM = 8 * 1024
LANGUAGE = "fanka_lang"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class NotHereError(FankaError):
    """Nobody has said who he is yet: the browser is sent to WeChat."""

    status = 401
    code = "not_logged_in"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever holds the phone. `follower`, `customer` and `card` are None as long as the house keeps nothing of him."""

    account: OpenAccount
    openid: str
    programme: Programme
    follower: Follower | None
    customer: Customer | None
    card: MemberCard | None


@dataclass(frozen=True, slots=True)
class Member:
    """A visitor who has a card."""

    account: OpenAccount
    programme: Programme
    customer: Customer
    card: MemberCard


class NoCardError(FankaError):
    """A page of members was asked for by somebody who is none yet."""

    status = 403
    code = "no_card"


class Door:
    """Holds the house for every page."""

    def __init__(self, house: "House") -> None:
        self.house = house
        self.seals = Seals(house.ring)

    # -- who ---------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.house.clock.now()

    @property
    def cookie(self) -> str:
        return request.cookies.get(COOKIE, "")[: LONGEST + 1]

    def held_pass(self) -> Pass | None:
        """What the cookie says, when it is ours and not over."""
        return self.seals.read_pass(self.cookie, now=self.now)

    def who(self, session: Session) -> Visitor:
        """Whoever is here. Raises NotHereError when nobody has said."""
        held = self.held_pass()
        account = None if held is None else self.account_called(str(held.account))
        if held is None or account is None:
            raise NotHereError("请先登录 / log in first")
        programme = first_programme(session)
        follower = find_follower(session, account_id=account.id, appid=account.appid, openid=held.openid)
        if follower is not None and follower.erased_at is not None and follower.erased_at.timestamp() >= held.at:
            # What he was before is forgotten; this phone has to say anew who it is.
            raise NotHereError("请重新登录 / log in again")
        if follower is None or follower.openid is None:
            return Visitor(account, held.openid, programme, None, None, None)
        customer = living_customer(session, follower.customer_id)
        card = card_of(session, customer_id=customer.id, programme_id=programme.id)
        return Visitor(account, held.openid, programme, follower, customer, card)

    def member(self, session: Session) -> Member:
        """The member who is here. Raises NotHereError, or NoCardError when he has no card yet."""
        found = self.who(session)
        if found.customer is None or found.card is None:
            raise NoCardError("请先开卡 / open a card first")
        return Member(found.account, found.programme, found.customer, found.card)

    def account_called(self, public_id: str) -> OpenAccount | None:
        return next((each for each in self._accounts() if str(each.public_id) == public_id), None)

    def account_asked(self) -> OpenAccount:
        """The service account this visit belongs to: named in the address, else the first one. Raises UnavailableError."""
        named = self.account_called(request.args.get("a", "")[:40])
        if named is not None:
            return named
        accounts = sorted(self._accounts(), key=lambda each: (each.priority, each.appid))
        if not accounts:
            raise UnavailableError("还没有接入服务号，请稍后再来 / no service account is connected yet; come back later", code="no_account")
        return accounts[0]

    def _accounts(self) -> list[OpenAccount]:
        return [each for each in self.house.accounts.all() if each.kind == AccountKind.SERVICE]

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A read-only transaction."""
        with reading(self.house.engine, timeout_ms=5000) as session:
            yield session

    @contextmanager
    def work(self) -> Iterator[Session]:
        """A transaction that writes."""
        with work(self.house.engine) as session:
            yield session

    # -- what comes in -----------------------------------------------------------------------------

    @property
    def words(self) -> Words:
        """The words of this visit's language."""
        return choose(request.args.get("lang"), request.cookies.get(LANGUAGE), request.headers.get("Accept-Language", ""))

    def form(self) -> dict[str, str]:
        """The fields of a form of ours, bounded. Raises ForbiddenError for a form of another session or site."""
        request.max_content_length = MAX_FORM
        return self.own_form(request.form)

    def own_form(self, fields: Mapping[str, str]) -> dict[str, str]:
        """The same for fields that were read by others."""
        given = {name: value.strip()[:400] for name, value in fields.items()}
        origin = request.headers.get("Origin")
        ours = {request.host, urlsplit(self.house.settings.public_url).netloc}
        foreign = origin not in (None, "null") and urlsplit(origin or "").netloc not in ours
        if foreign or origin == "null" or not self.seals.is_own_form(self.cookie, given.pop("csrf", "")):
            raise ForbiddenError("页面已过期，请返回重试 / this page is too old; go back and try again", code="foreign_form")
        return given

    # -- what goes out -----------------------------------------------------------------------------

    def page(self, name: str, status: int = 200, **things: Any) -> Response:
        """A page in the visit's language."""
        words = self.words
        body = render_template(
            f"h5/{name}.html",
            t=words,
            asset=asset_url,
            npm=npm_url,
            csrf=self.seals.csrf(self.cookie) if self.cookie else "",
            money=shown.money,
            points=shown.points,
            day=shown.day,
            last_day=partial(shown.last_day, now=self.now),
            moment=shown.moment,
            grouped=shown.grouped,
            here=request.path,
            **things,
        )
        answer = Response(body, status, content_type="text/html; charset=utf-8")
        if request.args.get("lang") == words.lang:
            answer.set_cookie(LANGUAGE, words.lang, max_age=365 * 86_400, path="/", secure=self.secure, httponly=True, samesite="Lax")
        return answer

    @property
    def secure(self) -> bool:
        return urlsplit(self.house.settings.public_url).scheme == "https"

    def set_cookie(self, answer: AnyResponse, name: str, value: str, *, seconds: float) -> None:
        """A cookie no script reads and no other site's form sends."""
        answer.set_cookie(name, value, max_age=int(seconds), path="/", secure=self.secure, httponly=True, samesite="Lax")

    def let_in(self, answer: AnyResponse, given: Pass) -> None:
        self.set_cookie(answer, COOKIE, self.seals.write_pass(given), seconds=LIFE.total_seconds())


def first_programme(session: Session) -> Programme:
    """The programme whose cards these pages show. Raises NotFoundError before there is one."""
    programme = session.scalar(select(Programme).order_by(Programme.id).limit(1))
    if programme is None:
        raise NotFoundError("会员计划还没有开通 / there is no membership programme yet", code="no_programme")
    return programme


def dress(answer: Response) -> Response:
    """What every answer of these pages wears: nothing but our own files runs, and nothing is kept."""
    answer.headers["Content-Security-Policy"] = _POLICY
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "same-origin"
    answer.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer
