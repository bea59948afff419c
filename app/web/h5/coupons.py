"""Coupons on the phone: the list, and the page on which anybody takes one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from flask import Blueprint, redirect, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.core.errors import NotFoundError
from app.core.ids import new_public_id
from app.core.tries import count_try
from app.web.h5.coupon_words import conditions_shown, coupons_of, past_of, worth_shown
from app.web.h5.device import device_of, must_know, number_it
from app.web.h5.door import Door, Member, NoCardError, NotHereError, first_programme
from app.web.h5.shown import last_day
from app.web.h5.words import Words
from cards.coupons.claim import Claim, ClaimRefusedError, Path, check_open, claim
from cards.coupons.claim_codes import claim_by_code, may_try
from cards.coupons.templates import find_template
from cards.coupons.terms import say
from cards.fraud import suspect_claim
from cards.models.coupons import CouponTemplate, TemplateState

CLAIMS = 60
"""How many times an hour one person may try to take a coupon."""


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/me/coupons`, `/c/<template>` and `/c/code`."""
    _add_code(blueprint, door)

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
            said, person = say(session, found), person_here(door, session)
            answer = door.page(
                "offer",
                template=found,
                programme=first_programme(session),
                worth_shown=worth_shown(found, said, door.words),
                conditions=conditions_shown(found, said, door.words),
                validity=validity_shown(found, door.words, now=door.now),
                why=why_not(door, session, found, person),
                member=person,
                known=door.held_pass() is not None,
                nonce=str(new_public_id()),
            )
        return number_it(door, answer)

    @blueprint.post("/c/<template>")
    def take(template: str) -> Response:
        given = door.form()
        nonce, device = _uuid(given.get("nonce", "")), must_know(door)
        with door.reading() as session:
            public_id = door.member(session).customer.public_id
        count_try(door.house.engine, f"h5claim:{public_id}", most=CLAIMS, window=timedelta(hours=1), now=door.now)
        with watched(door, device), door.work() as session:
            member, found = door.member(session), _template(session, template)
            # The page's own number: pressing twice gives one coupon, opening the page again may give another.
            key = f"page:{found.public_id}:{member.customer.public_id}:{nonce}"
            wish = Claim(member.customer.id, Path.POINTS if found.price_points else Path.PAGE, key, "h5", device=device)
            taken = claim(session, found, wish, registry=door.house.registry, now=door.now)
        return redirect(f"/me/coupon/{taken.coupon.public_id}?new=1", 303)


def _add_code(blueprint: Blueprint, door: Door) -> None:
    @blueprint.get("/c/code")
    def code() -> Response:
        with door.reading() as session:
            door.member(session)
        return number_it(door, door.page("claim_code", why="", typed=""))

    @blueprint.post("/c/code")
    def redeem_code() -> Response:
        given = door.form()
        device, typed = must_know(door), given.get("code", "")[:64]
        with door.reading() as session:
            public_id = door.member(session).customer.public_id
        may_try(door.house, public_id, device=device, address=request.remote_addr or "")
        try:
            with watched(door, device), door.work() as session:
                member = door.member(session)
                customer_id, programme_id = member.customer.id, member.programme.id
                given_by = claim_by_code(session, door.house, typed, customer_id=customer_id, programme_id=programme_id, device=device)
                coupon = given_by.coupon.public_id
        except ClaimRefusedError as error:
            return door.page("claim_code", error.status, why=door.words.of_error(error), typed=typed)
        return redirect(f"/me/coupon/{coupon}?new=1", 303)


@contextmanager
def watched(door: Door, device: int) -> Iterator[None]:
    """A refusal that looks like a coupon hunter's goes into the review queue, beside the transaction that it undid."""
    try:
        yield
    except ClaimRefusedError as error:
        if error.doubt:
            with door.work() as session:
                suspect_claim(session, error.doubt, customer_id=door.member(session).customer.id, device=device, now=door.now)
        raise


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


def person_here(door: Door, session: Session) -> Member | None:
    """The member who is here, or None for anybody else."""
    try:
        return door.member(session)
    except (NotHereError, NoCardError):
        return None


def why_not(door: Door, session: Session, found: CouponTemplate, person: Member | None) -> str:
    """Why it cannot be taken now, as far as that can be said before it is tried; empty when it can."""
    if person is None and found.audience is not None:
        return ""
    try:
        wish = Claim(person.customer.id if person else 0, Path.PAGE, "look", "h5", device=device_of(door))
        check_open(session, found, wish, now=door.now)
    except ClaimRefusedError as error:
        return door.words.of_error(error)
    return ""


def validity_shown(found: CouponTemplate, words: Words, *, now: datetime) -> str:
    """Until when it will be good."""
    if found.days_valid is not None:
        return words("valid_days", n=found.days_valid)
    assert found.valid_until is not None
    return words("until_day", day=last_day(found.valid_until, now=now))
