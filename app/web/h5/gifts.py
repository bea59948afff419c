"""Giving coupons to friends: one by a link, several in a pack; the page friends open, what is still on its way, and taking it back."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import Blueprint, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.core.errors import NotFoundError
from app.core.gate import see
from app.core.ids import new_public_id
from app.core.nouns import Customer
from app.web.h5.coupon_words import Shown, Worth, conditions_shown, show_coupon, worth_shown
from app.web.h5.device import must_know, number_it
from app.web.h5.door import Door, Member, NoCardError, NotHereError
from app.web.h5.words import Words
from cards.codes import sign_text
from cards.coupons.gifts import find_gift, offer_coupon, open_offers, recall_gift, take_gift
from cards.coupons.packs import find_pack, inside, open_pack, packable, recall_pack, take_from_pack, taken_by
from cards.coupons.terms import say
from cards.models.claiming import CouponPack
from cards.models.coupons import Coupon, CouponTemplate

_TOKEN_SIGNS = 40


@dataclass(frozen=True, slots=True)
class Offer:
    """What lies behind a link: one coupon or a pack."""

    id: UUID
    giver_id: int
    template: CouponTemplate
    coupon: Coupon | None
    """The coupon of a single gift; of a pack every one is like its template."""
    expires_at: datetime
    size: int
    left: int
    mine: UUID | None
    """What the one who looks took of it."""


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """One offer of his that nobody, or not everybody, has taken."""

    id: str
    name: str
    worth: Worth
    left: int
    size: int
    expires_at: datetime


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/me/give/<coupon>`, `/me/gifts` and the friends' page `/c/gift/<token>`."""
    _add_giving(blueprint, door)

    @blueprint.get("/c/gift/<token>")
    def gift(token: str) -> Response:
        with door.reading() as session:
            person = _person(door, session)
            found = _find(session, token, person, now=door.now)
            said = say(session, found.template, coupon=found.coupon)
            answer = door.page(
                "gift",
                offer=found,
                own=person is not None and person.customer.id == found.giver_id,
                new=request.args.get("new") == "1",
                giver=see(door.house.ring, session.get_one(Customer, found.giver_id)).name,
                worth_shown=worth_shown(found.template, said, door.words),
                conditions=conditions_shown(found.template, said, door.words),
                member=person,
                known=door.held_pass() is not None,
            )
        return number_it(door, answer)

    @blueprint.post("/c/gift/<token>")
    def take_given(token: str) -> Response:
        door.form()
        device = must_know(door)
        with door.work() as session:
            member, registry = door.member(session), door.house.registry
            act = take_gift if find_pack(session, token[:80]) is None else take_from_pack
            mine = act(session, token[:80], taker_id=member.customer.id, registry=registry, now=door.now, device=device)
            public_id = mine.public_id
        return redirect(f"/me/coupon/{public_id}?new=1", 303)


def _add_giving(blueprint: Blueprint, door: Door) -> None:
    @blueprint.get("/me/give/<coupon>")
    def give(coupon: str) -> Response:
        with door.reading() as session:
            member = door.member(session)
            held, template, shown = _own(door, session, member, coupon)
            alike = len(packable(session, template.id, giver_id=member.customer.id, now=door.now)) if shown.giveable else 0
            return door.page("give", coupon=shown, alike=alike, nonce=str(new_public_id()), held=held)

    @blueprint.post("/me/give/<coupon>")
    def send(coupon: str) -> Response:
        given = door.form()
        size = int(given["size"]) if given.get("size", "").isascii() and given.get("size", "").isdigit() else 1
        with door.work() as session:
            member = door.member(session)
            # Pressing twice leads to the one link: its token is made of the page's own number.
            token = sign_text(door.house.ring, "gift", f"{member.customer.public_id}:{given.get('nonce', '')[:40]}")[:_TOKEN_SIGNS]
            if find_gift(session, token) is None and find_pack(session, token) is None:
                held, template, _ = _own(door, session, member, coupon)
                if size > 1:
                    open_pack(session, template.id, size=size, giver_id=member.customer.id, now=door.now, token=token)
                else:
                    offer_coupon(session, held.public_id, giver_id=member.customer.id, now=door.now, token=token)
        return redirect(f"/c/gift/{token}?new=1", 303)

    @blueprint.get("/me/gifts")
    def gifts() -> Response:
        with door.reading() as session:
            member = door.member(session)
            return door.page("gifts", offers=_on_their_way(session, member, door.words, now=door.now), back=request.args.get("back") == "1")

    @blueprint.post("/me/gifts/<offer>")
    def recall(offer: str) -> Response:
        door.form()
        public_id = _uuid(offer)
        with door.work() as session:
            member = door.member(session)
            if session.scalar(select(CouponPack.id).where(CouponPack.public_id == public_id)) is None:
                recall_gift(session, public_id, giver_id=member.customer.id, now=door.now)
            else:
                recall_pack(session, public_id, giver_id=member.customer.id, now=door.now)
        return redirect("/me/gifts?back=1", 303)


def _find(session: Session, token: str, person: Member | None, *, now: datetime) -> Offer:
    """What a link stands for. Raises NotFoundError."""
    me = 0 if person is None else person.customer.id
    pack = find_pack(session, token[:80])
    if pack is not None:
        template, mine = session.get_one(CouponTemplate, pack.template_id), taken_by(session, pack, me)
        left = inside(session, pack, now=now).left
        return Offer(
            pack.public_id, pack.giver_id, template, None, pack.expires_at, pack.size, left, None if mine is None else mine.public_id
        )
    gift = find_gift(session, token[:80])
    if gift is None:
        raise NotFoundError("没有这次转赠 / there is no such gift", code="no_gift")
    coupon = session.get_one(Coupon, gift.coupon_id)
    template = session.get_one(CouponTemplate, coupon.template_id)
    mine = session.scalar(select(Coupon).where(Coupon.given_from_id == coupon.id, Coupon.customer_id == me))
    left = int(gift.state == "offered" and gift.expires_at > now)
    return Offer(gift.public_id, gift.giver_id, template, coupon, gift.expires_at, 1, left, None if mine is None else mine.public_id)


def _on_their_way(session: Session, member: Member, words: Words, *, now: datetime) -> list[OnItsWay]:
    """Single gifts, and each pack once."""
    found: dict[UUID, OnItsWay] = {}
    for gift, coupon, template in open_offers(session, giver_id=member.customer.id, now=now):
        worth = worth_shown(template, say(session, template, coupon=coupon), words)
        pack = None if gift.pack_id is None else session.get_one(CouponPack, gift.pack_id)
        if pack is None:
            found[gift.public_id] = OnItsWay(str(gift.public_id), template.name, worth, 1, 1, gift.expires_at)
        elif pack.public_id not in found:
            left = inside(session, pack, now=now).left
            found[pack.public_id] = OnItsWay(str(pack.public_id), template.name, worth, left, pack.size, pack.expires_at)
    return list(found.values())


def _own(door: Door, session: Session, member: Member, written: str) -> tuple[Coupon, CouponTemplate, Shown]:
    """One of his own coupons; another's does not exist for him. Raises NotFoundError."""
    query = select(Coupon, CouponTemplate).join(CouponTemplate, CouponTemplate.id == Coupon.template_id)
    found = session.execute(query.where(Coupon.public_id == _uuid(written), Coupon.customer_id == member.customer.id)).first()
    if found is None:
        raise NotFoundError("没有这张券 / there is no such coupon", code="no_coupon")
    return found[0], found[1], show_coupon(session, found[0], found[1], words=door.words, now=door.now)


def _person(door: Door, session: Session) -> Member | None:
    try:
        return door.member(session)
    except (NotHereError, NoCardError):
        return None


def _uuid(written: str) -> UUID:
    try:
        return UUID(written)
    except ValueError as error:
        raise NotFoundError("没有这张券 / there is no such coupon", code="no_coupon") from error
