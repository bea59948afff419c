"""Coupons on the phone: the list, and the page on which anybody takes one."""

from datetime import datetime, timedelta
from uuid import UUID

from flask import Blueprint, redirect
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.core.errors import NotFoundError
from app.core.ids import new_public_id
from app.core.tries import count_try
from app.web.h5.coupon_words import conditions_shown, coupons_of, past_of, worth_shown
from app.web.h5.door import Door, Member, NoCardError, NotHereError, first_programme
from app.web.h5.shown import last_day
from app.web.h5.words import Words
from cards.coupons.claim import Claim, ClaimRefusedError, Path, check_open, claim
from cards.coupons.templates import find_template
from cards.coupons.terms import say
from cards.models.coupons import CouponTemplate, TemplateState

CLAIMS = 60
"""How many times an hour one person may try to take a coupon."""


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/me/coupons` and `/c/<template>`."""

    @blueprint.get("/me/coupons")
    def all_coupons() -> Response:
        with door.reading() as session:
            member, now, words = door.member(session), door.now, door.words
            good = coupons_of(session, member.customer.id, words=words, now=now)
            return door.page("coupons", coupons=good, past=past_of(session, member.customer.id, words=words, now=now))

    @blueprint.get("/c/<template>")
    def offer(template: str) -> Response:
        with door.reading() as session:
            found = _template(session, template)
            said, person = say(session, found), _person(door, session)
            return door.page(
                "offer",
                template=found,
                programme=first_programme(session),
                worth_shown=worth_shown(found, said, door.words),
                conditions=conditions_shown(found, said, door.words),
                validity=_validity(found, door.words, now=door.now),
                why=_why_not(door, session, found, person),
                member=person,
                known=door.held_pass() is not None,
                nonce=str(new_public_id()),
            )

    @blueprint.post("/c/<template>")
    def take(template: str) -> Response:
        given = door.form()
        nonce = _uuid(given.get("nonce", ""))
        with door.reading() as session:
            public_id = door.member(session).customer.public_id
        count_try(door.house.engine, f"h5claim:{public_id}", most=CLAIMS, window=timedelta(hours=1), now=door.now)
        with door.work() as session:
            member, found = door.member(session), _template(session, template)
            # The page's own number: pressing twice gives one coupon, opening the page again may give another.
            wish = Claim(member.customer.id, Path.PAGE, f"page:{found.public_id}:{member.customer.public_id}:{nonce}", "h5")
            taken = claim(session, found, wish, registry=door.house.registry, now=door.now)
        return redirect(f"/me/coupon/{taken.coupon.public_id}?new=1", 303)


def _template(session: Session, written: str) -> CouponTemplate:
    """A template anybody may see: a draft is nobody's business, and neither is one that nobody can take. Raises NotFoundError."""
    found = find_template(session, _uuid(written))
    if found.state == TemplateState.DRAFT or not found.claimable:
        raise NotFoundError("没有这张券 / there is no such coupon", code="no_template")
    return found


def _uuid(written: str) -> UUID:
    try:
        return UUID(written)
    except ValueError as error:
        raise NotFoundError("没有这张券 / there is no such coupon", code="no_template") from error


def _person(door: Door, session: Session) -> Member | None:
    try:
        return door.member(session)
    except (NotHereError, NoCardError):
        return None


def _why_not(door: Door, session: Session, found: CouponTemplate, person: Member | None) -> str:
    """Why it cannot be taken now, as far as that can be said before it is tried; empty when it can."""
    if person is None and found.audience is not None:
        return ""
    try:
        check_open(session, found, Claim(person.customer.id if person else 0, Path.PAGE, "look", "h5"), now=door.now)
    except ClaimRefusedError as error:
        return door.words.of_error(error)
    return ""


def _validity(found: CouponTemplate, words: Words, *, now: datetime) -> str:
    if found.days_valid is not None:
        return words("valid_days", n=found.days_valid)
    assert found.valid_until is not None
    return words("until_day", day=last_day(found.valid_until, now=now))
