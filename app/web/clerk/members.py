"""Members at the counter: found by what they show or say, seen masked, and a card opened on the spot."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from flask import Blueprint
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import FankaError, NotFoundError
from app.core.gate import Right, demand, grant_sight
from app.core.house import House
from app.core.idempotency import Answer, answer_once
from app.core.logins import Presence
from app.core.tries import count_try
from app.core.unit import work
from app.web.clerk.door import Answered, Door, Form, answered, idempotency_key, refusal_body
from app.web.clerk.till import client_of, till_of
from cards.codes import MEMBER, is_moving, tidy
from cards.coupons import member as member_book
from cards.coupons.recognise import write_ticket
from cards.crm.questions import wonder
from cards.enrolment import enrol
from cards.membership import customer_of, only_programme
from cards.models.ledger import Wallet, WalletKind
from cards.models.membership import CardPath, MemberCard
from cards.numbers import tidy_number
from cards.tiers import current_tier
from cards.till import Till

MOST_LOOK_UPS, LOOK_UP_WINDOW = 120, timedelta(hours=1)
_PHONE = re.compile(r"(?:\+?86)?1\d{10}\Z")


class KeyForm(Form):
    key: str = Field(min_length=1, max_length=200)


class CardForm(Form):
    phone: str = Field(min_length=1, max_length=24)


def names_member(code: str) -> bool:
    """Whether something scanned or typed has the form of a member's moving code, card number or phone."""
    plain = tidy(code)
    return (
        (is_moving(plain) and plain[0] == MEMBER) or tidy_number(code) is not None or _PHONE.match(re.sub(r"[\s-]", "", code)) is not None
    )


def look_up(session: Session, house: House, key: str, *, till: Till) -> MemberCard:
    """The card of a member who shows or says something. Raises NotFoundError, RefusedError for a moving code that is stale or was shown."""
    found = member_book.look_up(session, house, key, programme_id=only_programme(session).id, client_id=till.client_id)
    if found is None:
        raise NotFoundError("没有这位会员：请核对号码，或当场为他开卡 / no such member: check the number, or open a card", code="no_member")
    return found


def tell_member(session: Session, house: House, card: MemberCard, *, presence: Presence, till: Till, code: str = "") -> dict[str, Any]:
    """A member as the counter sees him. Only who shows his moving code lets the clerk redeem from the list."""
    now, customer = house.clock.now(), customer_of(session, card)
    tier = current_tier(session, customer_id=customer.id, programme_id=card.programme_id, at=now)
    points = (Wallet.customer_id == customer.id, Wallet.programme_id == card.programme_id, Wallet.kind == WalletKind.POINTS)
    shows = is_moving(tidy(code)) and Right.REDEEM in presence.rights
    return {
        "kind": "member",
        **member_book.tell_member(session, house, card),
        "sight": grant_sight(house.ring, viewer=presence.id, customer=customer.public_id, now=now),
        "ticket": write_ticket(house.ring, MEMBER, customer.public_id, client_id=till.client_id, now=now) if shows else None,
        "face": "plain" if tier is None else tier.face,
        "pending": session.scalar(select(Wallet.pending).where(*points)) or 0,
    }


def _count_look_up(house: House, presence: Presence, key: str) -> None:
    """Nobody reads the list of members by trying numbers; a moving code is shown by its member and counts nothing. Raises TooManyError."""
    if not is_moving(tidy(key)):
        count_try(house.engine, f"member:{presence.staff.id}", most=MOST_LOOK_UPS, window=LOOK_UP_WINDOW, now=house.clock.now())


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`member` and `cards`."""
    house = door.house

    def member() -> Answered:
        key = door.read(KeyForm).key
        with door.counter() as (session, presence):
            demand(presence.rights, Right.LOOK_UP)
            _count_look_up(house, presence, key)
            till = till_of(presence, address=door.address)
            return tell_member(session, house, look_up(session, house, key, till=till), presence=presence, till=till, code=key)

    def cards() -> Answered:
        """Open a card with the phone number a customer says; who has one is found."""
        form, key = door.read(CardForm), idempotency_key()
        with door.counter() as (_, presence):
            demand(presence.rights, Right.OPEN_CARD)
        till = till_of(presence, address=door.address)

        def act(session: Session) -> Answer:
            opened = enrol(
                session,
                house.ring,
                phone=form.phone,
                programme_id=only_programme(session).id,
                path=CardPath.CLERK,
                registry=house.registry,
                actor=presence.staff.name,
                now=house.clock.now(),
                store_id=presence.store.id,
                staff_id=presence.staff.id,
            )
            wonder(house, session, opened.card, proved=True)
            # The answer is kept for a day, so it holds who the member is and nothing that changes or is his.
            return Answer(200, {"card": str(opened.card.public_id), "fresh": opened.fresh, "gift_points": opened.gift_points})

        def refuse(session: Session, error: FankaError) -> dict[str, Any]:
            del session
            return refusal_body(error)

        answer = answer_once(house, client_id=client_of(presence), key=key, body=orjson.dumps(form.phone), act=act, refuse=refuse)
        if answer.status != 200:
            return answered(answer)
        with work(house.engine) as session:
            card = session.scalars(select(MemberCard).where(MemberCard.public_id == UUID(answer.body["card"]))).one()
            told = tell_member(session, house, card, presence=presence, till=till)
        return answered(answer, {**answer.body, "member": told})

    door.api(blueprint, "member", member, post=True)
    door.api(blueprint, "cards", cards, post=True)
