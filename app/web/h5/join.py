"""`/join`: becoming a member. Consent first, then the number, then the card with its gift, at once and once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.core.errors import BadRequestError, FankaError
from app.core.followers import Sighting, meet, welcome_back
from app.core.inbound import openid_digest
from app.core.nouns import Customer, Follower, Store
from app.core.tries import count_try
from app.core.unit import persistently
from app.web.h5.door import Door, Visitor
from app.web.h5.home import face_of
from app.web.h5.session import onward_of
from cards.crm.questions import wonder
from cards.enrolment import enrol
from cards.membership import OpenedCard, find_member, open_card
from cards.models.membership import CardPath, OpeningGift
from cards.models.tiers import Tier
from cards.payments import claim_payments
from cards.phones import find_by_phone, living_customer, lock_phone, tidy_phone
from cards.privacy import PRIVACY_VERSION, accept_notice
from cards.tier_changes import read_ladder

TRIES = 10
"""How often a day one person may send the form: typed numbers are not to be tried out here."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form says: a tidy phone, and the number of an old card when he has one."""

    phone: str
    old_number: str
    store_id: int | None
    invited_by: UUID | None = None
    """The card of the friend whose link he followed."""


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/join` and the notice beside it."""

    @blueprint.get("/join")
    def form() -> Response:
        onward = onward_of(request.args.get("next", ""))
        with door.reading() as session:
            visitor = door.who(session)
            if visitor.card is not None:
                return redirect(onward)
            return _form(door, session, visitor, onward=onward)

    @blueprint.post("/join")
    def open_mine() -> Response:
        given = door.form()
        onward = onward_of(given.get("next", ""))
        with door.reading() as session:
            visitor = door.who(session)
        digest = openid_digest(visitor.account.appid, visitor.openid)
        count_try(door.house.engine, f"h5join:{digest}", most=TRIES, window=timedelta(days=1), now=door.now)
        try:
            if given.get("agree") != "on":
                raise BadRequestError("请先阅读并同意隐私说明 / read and accept the privacy notice first", code="no_consent", status=422)
            phone = tidy_phone(given.get("phone", ""))
            # What he paid before is credited with his card: an order, which may meet a consent that joins him at this moment.
            opened, bound = persistently(lambda: _joined(door, given, phone))
        except FankaError as error:
            if error.status >= 500:
                raise
            with door.reading() as session:
                again = door.who(session)
                return _form(door, session, again, onward=onward, why=door.words.of_error(error), given=given, status=error.status)
        sign = "&" if "?" in onward else "?"
        hello = (
            ""
            if onward != "/me"
            else f"{sign}hello={'gift' if opened.fresh and opened.gift_points else 'card'}{'' if bound else '-counter'}"
        )
        return redirect(onward + hello, 303)

    @blueprint.get("/join/privacy")
    def privacy() -> Response:
        return door.page("privacy", version=PRIVACY_VERSION)


def _joined(door: Door, given: Mapping[str, str], phone: str) -> tuple[OpenedCard, bool]:
    """The whole joining in one transaction; whether the phone number was bound."""
    with door.work() as session:
        asked = Asked(phone, given.get("old", "")[:32], _store(session, given.get("store", "")), _friend(given.get("by", "")))
        return _open(door, session, door.who(session), asked)


def _form(
    door: Door,
    session: Session,
    visitor: Visitor,
    *,
    onward: str,
    why: str = "",
    given: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    ladder = read_ladder(session, visitor.programme.id)
    first: Tier | None = ladder[0] if ladder else None
    gift = session.get(OpeningGift, visitor.programme.id)
    told = given or {"store": request.args.get("store", "")[:40], "by": request.args.get("by", "")[:40]}
    return door.page(
        "join",
        status,
        programme=visitor.programme,
        tier=first,
        face=face_of(first),
        gift=0 if gift is None else gift.points,
        onward=onward,
        why=why,
        given=told,
    )


def _open(door: Door, session: Session, visitor: Visitor, asked: Asked) -> tuple[OpenedCard, bool]:
    """The card, and whether the number could be kept: a typed number proves nothing, so it never takes what is somebody else's."""
    house, now = door.house, door.now
    customer, follower = _meet(door, session, visitor)
    lock_phone(session, house.ring, asked.phone)
    others = [each for each in find_by_phone(session, house.ring, asked.phone) if each.id != customer.id]
    path = CardPath.QR if asked.store_id is not None else CardPath.H5
    common: dict[str, Any] = {
        "path": path,
        "registry": house.registry,
        "actor": "h5",
        "now": now,
        "store_id": asked.store_id,
        "invited_by": asked.invited_by,
    }
    proved = bool(asked.old_number) and _knows_card(session, visitor, others, asked.old_number)
    # A number that is none of ours may stand on a card of the group's CRM, which is asked when nobody here has his phone.
    if asked.old_number and not proved and (others or house.settings.crm_url is None):
        raise BadRequestError(
            "卡号与手机号不符，请核对后再试 / card number and phone do not belong together", code="old_card_differs", status=422
        )
    free = not others or proved
    if free:
        opened = enrol(session, house.ring, phone=asked.phone, programme_id=visitor.programme.id, customer_id=customer.id, **common)
    else:
        opened = open_card(session, customer_id=customer.id, programme_id=visitor.programme.id, **common)
    accept_notice(session, customer, follower, via="h5", language=door.words.lang, registry=house.registry, now=now)
    _claim_paid(door, session, visitor, opened)
    if free:
        wonder(house, session, opened.card, proved=proved, number=asked.old_number)
    return opened, free


def _claim_paid(door: Door, session: Session, visitor: Visitor, opened: OpenedCard) -> None:
    """What he paid before he had a card is credited with it."""
    claim_payments(
        session,
        account_id=visitor.account.id,
        appid=visitor.account.appid,
        openid=visitor.openid,
        customer_id=opened.card.customer_id,
        registry=door.house.registry,
        now=door.now,
    )


def _meet(door: Door, session: Session, visitor: Visitor) -> tuple[Customer, Follower]:
    """From here on the house knows him: he has agreed to it."""
    sighting = Sighting(visitor.account.id, visitor.account.appid, visitor.openid)
    (follower,) = meet(session, [sighting], now=door.now).values()
    welcome_back(session, follower, visitor.openid)
    return living_customer(session, follower.customer_id), follower


def _knows_card(session: Session, visitor: Visitor, others: list[Customer], number: str) -> bool:
    """Whether the number is the card of one who has this phone: then he proves by it that he is that one.

    Only a number of ours is a proof: sixteen digits that nobody can guess. Another vendor's numbers run on from one to the next; whoever has
    such a card is bound at the counter.
    """
    card = find_member(session, programme_id=visitor.programme.id, number=number)
    return card is not None and any(each.id == card.customer_id for each in others)


def _friend(written: str) -> UUID | None:
    try:
        return UUID(written)
    except ValueError:
        return None


def _store(session: Session, written: str) -> int | None:
    """The store whose code was scanned; none for anything else."""
    try:
        return session.scalar(select(Store.id).where(Store.public_id == UUID(written)))
    except ValueError:
        return None
