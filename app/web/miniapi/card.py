"""`/mini/<appid>/card`: a card opened with the phone number that WeChat vouches for, and what is on it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apiflask import APIFlask
from flask import Response
from pydantic import BaseModel, ConfigDict, StrictBool
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.consents import learn_unionids, lock_unionids
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.followers import Sighting, meet, welcome_back
from app.core.inbound import openid_digest
from app.core.nouns import Follower
from app.core.tries import count_try
from app.core.unit import persistently, reading, work
from app.web.miniapi.door import Caller, Door, in_our_words, reply
from app.web.miniapi.session import Code
from app.wechat.errors import WeChatError
from app.wechat.gateway import gateway_for
from app.wechat.shapes import Phone
from cards.coupons.checkout import spendable
from cards.crm.questions import wonder
from cards.enrolment import enrol
from cards.membership import OpenedCard, customer_of, open_card
from cards.models.ledger import Wallet, WalletKind
from cards.models.membership import CardPath, MemberCard
from cards.payments import claim_payments
from cards.phones import living_customer
from cards.privacy import accept_notice
from cards.tiers import current_tier, progress

TRIES = 10
"""Phone numbers a day and person: each costs a call at WeChat."""
_VIA = "mini"


class CardIn(BaseModel):
    """What `getPhoneNumber` gave, and that he agreed to the notice. The number itself comes from WeChat alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phone_code: Code
    consent: StrictBool
    programme: UUID | None = None


class WhichIn(BaseModel):
    """Which programme's card; the first one's when it is not said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    programme: UUID | None = None


class TierOut(BaseModel):
    """A tier, and until when it is safe; null when nobody loses it."""

    name: str
    name_en: str
    until: datetime | None


class NextTierOut(BaseModel):
    """The next tier, and the way to it: percent done, and what is missing as a sentence."""

    name: str
    name_en: str
    percent: int
    detail: str
    detail_en: str


class CardOut(BaseModel):
    """A card: points that may be spent now, and those whose return window is open."""

    card: UUID
    number: str
    tier: TierOut | None
    points: int
    pending: int
    next: NextTierOut | None
    phone_bound: bool


class OpenedOut(CardOut):
    """The card, whether it was opened just now, and what opening it gave."""

    new: bool
    gift_points: int


def add_routes(api: APIFlask, door: Door) -> None:
    """Put the calls on the API."""
    house = door.house

    @api.post("/<appid>/card")
    @api.doc(summary="Open a card", tags=["card"], security="token", responses={200: "He has his card already."})
    @api.input(CardIn, arg_name="wish")
    @api.output(OpenedOut, status_code=201)
    def post_card(appid: str, wish: CardIn) -> Response:
        """Open his card, or show the one he has: one a person and programme, however often and from however many phones it is asked for."""
        account = door.account(appid)
        held = door.held(account)
        if not wish.consent:
            raise BadRequestError("请先阅读并同意隐私说明 / read and accept the privacy notice first", code="no_consent", status=422)
        with reading(house.engine, timeout_ms=5000) as session:
            caller = door.who(session, account, held, wish.programme)
            if caller.card is not None and caller.customer is not None and caller.customer.phone_sealed is not None:
                # Asked before, or a member by another door: nothing is left to do, and WeChat is not asked.
                return reply({**_told(door, session, caller.card), "new": False, "gift_points": 0})
        digest = openid_digest(account.appid, held.openid)
        count_try(house.engine, f"minicard:{digest}", most=TRIES, window=timedelta(days=1), now=door.now)
        try:
            phone = gateway_for(house, account).read_phone(wish.phone_code, held.openid)
        except WeChatError as error:
            raise in_our_words(error) from None
        said, status = persistently(lambda: _joined(door, caller, phone))
        return reply(said, status)

    @api.get("/<appid>/card")
    @api.doc(summary="Read a card", tags=["card"], security="token")
    @api.input(WhichIn, location="query", arg_name="which")
    @api.output(CardOut)
    def get_card(appid: str, which: WhichIn) -> Response:
        """His card with its tier, points, and the way to the next tier."""
        account = door.account(appid)
        held = door.held(account)
        with reading(house.engine, timeout_ms=5000) as session:
            caller = door.who(session, account, held, which.programme)
            if caller.card is None:
                raise NotFoundError("还没有会员卡 / there is no card yet", code="no_card")
            return reply(_told(door, session, caller.card))


def _joined(door: Door, caller: Caller, phone: Phone) -> tuple[dict[str, Any], int]:
    """The whole joining in one transaction: the answer and its status."""
    house, now = door.house, door.now
    with work(house.engine) as session:
        follower = _meet(door, session, caller)
        customer = living_customer(session, follower.customer_id)
        opened, bound = _open(door, session, caller, customer_id=customer.id, phone=phone)
        accept_notice(session, customer, follower, via=_VIA, registry=house.registry, now=now)
        claim_payments(
            session,
            account_id=caller.account.id,
            appid=caller.account.appid,
            openid=caller.held.openid,
            customer_id=opened.card.customer_id,
            registry=house.registry,
            now=now,
        )
        if bound:
            wonder(house, session, opened.card, proved=True)
        session.flush()
        said = {**_told(door, session, opened.card), "new": opened.fresh, "gift_points": opened.gift_points if opened.fresh else 0}
        return said, 201 if opened.fresh else 200


def _meet(door: Door, session: Session, caller: Caller) -> Follower:
    """From here on the house knows him: he has agreed to it. A consent to join his accounts, given before, takes effect before a card is opened."""
    house, account, held = door.house, caller.account, caller.held
    lock_unionids(session, [held.unionid] if held.unionid else [])
    (follower,) = meet(session, [Sighting(account.id, account.appid, held.openid)], now=door.now).values()
    # He may have been forgotten while WeChat was asked for his number.
    door.still_good(follower, held)
    welcome_back(session, follower, held.openid)
    session.flush()
    if held.unionid:
        learn_unionids(session, {follower.id: held.unionid}, registry=house.registry, now=door.now)
    return follower


def _open(door: Door, session: Session, caller: Caller, *, customer_id: int, phone: Phone) -> tuple[OpenedCard, bool]:
    """The card, and whether the number was bound: one of another country, or of another member on WeChat, is left to the clerk."""
    common: dict[str, Any] = {
        "programme_id": caller.programme.id,
        "customer_id": customer_id,
        "path": CardPath.MINI,
        "registry": door.house.registry,
        "actor": _VIA,
        "now": door.now,
    }
    if phone.country_code == "86":
        try:
            with session.begin_nested():
                return enrol(session, door.house.ring, phone=phone.number, **common), True
        except (BadRequestError, ConflictError):
            pass
    return open_card(session, **common), False


def _told(door: Door, session: Session, card: MemberCard) -> dict[str, Any]:
    where = {"customer_id": card.customer_id, "programme_id": card.programme_id}
    tier, way = current_tier(session, **where, at=door.now), progress(session, **where, at=door.now)
    following = None if way is None else way.following
    pending = select(Wallet.pending).where(
        Wallet.customer_id == card.customer_id, Wallet.programme_id == card.programme_id, Wallet.kind == WalletKind.POINTS
    )
    return {
        "card": card.public_id,
        "number": card.number,
        "tier": None if tier is None else {"name": tier.name, "name_en": tier.name_en, "until": card.tier_until},
        "points": spendable(session, **where, now=door.now).get(WalletKind.POINTS, 0),
        "pending": session.scalar(pending) or 0,
        "next": None
        if way is None or following is None
        else {"name": following.name, "name_en": following.name_en, "percent": way.percent, "detail": way.zh, "detail_en": way.en},
        "phone_bound": customer_of(session, card).phone_sealed is not None,
    }
