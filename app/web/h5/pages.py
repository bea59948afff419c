"""`/p/<slug>`: a claim page as a phone shows it, what is taken on it, and its pictures."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import FankaError, NotFoundError
from app.core.ids import new_public_id
from app.core.tries import count_try
from app.web.h5.coupon_words import Worth, conditions_shown, worth_shown
from app.web.h5.coupons import CLAIMS, person_here, validity_shown, watched, why_not
from app.web.h5.device import must_know, number_it
from app.web.h5.door import Door, Member
from app.web.h5.page_words import SENTENCES
from cards.coupons.claim import Claim, ClaimRefusedError, Path, claim, page_source
from cards.coupons.claim_codes import claim_by_code, may_try
from cards.coupons.terms import say
from cards.ledger.post import InsufficientPointsError
from cards.models.coupons import Coupon, CouponTemplate
from cards.models.pages import PagePicture
from cards.pages.blocks import CouponBlock, PageContent
from cards.pages.build import content_of
from cards.pages.pictures import find_picture, picture_url
from cards.pages.visit import Standing, Visit, preview, visit

_STATUS = {Standing.EARLY: 200, Standing.OVER: 410, Standing.NOWHERE: 404}


@dataclass(frozen=True, slots=True)
class Offered:
    """A coupon as its block shows it. `taken` is the address of the one he took here last; `why` says why no (other) one can be taken now."""

    id: str
    name: str
    worth: Worth
    conditions: tuple[str, ...]
    until: str
    price: int | None
    why: str
    taken: str
    label: str | None


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/p/<slug>` with its two forms, and `/p/picture/...`."""

    @blueprint.get("/p/<slug>")
    def claim_page(slug: str) -> AnyResponse:
        with door.reading() as session:
            found = _found(door, session, slug)
            return _show(door, session, found)

    @blueprint.post("/p/<slug>/take")
    def take_on_page(slug: str) -> AnyResponse:
        given = door.form()
        nonce, device, wanted = _uuid(given.get("nonce", "")), must_know(door), _uuid(given.get("coupon", ""))
        _count(door)
        try:
            with watched(door, device), door.work() as session:
                found, member = _open_now(door, session, slug), door.member(session)
                template = _template(session, found, wanted)
                # The page's own number: pressing twice gives one coupon, opening the page again may give another.
                key = f"page:{template.public_id}:{member.customer.public_id}:{nonce}"
                path = Path.POINTS if template.price_points else Path.PAGE
                wish = Claim(member.customer.id, path, key, "h5", device=device, **page_source(found.page))
                claim(session, template, wish, registry=door.house.registry, now=door.now)
        except (ClaimRefusedError, InsufficientPointsError) as error:
            return _again(door, slug, error, wrong=str(wanted))
        return redirect(f"/p/{slug}?new=1", 303)

    @blueprint.post("/p/<slug>/code")
    def code_on_page(slug: str) -> AnyResponse:
        given = door.form()
        device, typed = must_know(door), given.get("code", "")[:64]
        with door.reading() as session:
            public_id = door.member(session).customer.public_id
        may_try(door.house, public_id, device=device, address=request.remote_addr or "")
        try:
            with watched(door, device), door.work() as session:
                found, member = _open_now(door, session, slug), door.member(session)
                customer_id, programme_id = member.customer.id, member.programme.id
                claim_by_code(
                    session, door.house, typed, customer_id=customer_id, programme_id=programme_id, device=device, page=found.page
                )
        except ClaimRefusedError as error:
            return _again(door, slug, error, wrong="code", typed=typed)
        return redirect(f"/p/{slug}?new=1", 303)

    @blueprint.get("/p/picture/<name>")
    def page_picture(name: str) -> Response:
        digest, _, ending = name.partition(".")
        with door.reading() as session:
            found = find_picture(session, digest[:65])
        if found is None or not picture_url(found.digest, found.media_type).endswith(f".{ending}"):
            raise NotFoundError("没有这张图片 / there is no such picture", code="no_picture")
        answer = Response(found.content, content_type=found.media_type, headers={"Cache-Control": "public, max-age=31536000, immutable"})
        answer.set_etag(found.digest)
        return answer.make_conditional(request)  # type: ignore[return-value]  # Werkzeug says its own kind of response.


def _found(door: Door, session: Session, slug: str) -> Visit:
    """The live page, or the version a signed link names."""
    if "sign" in request.args:
        asked = {name: request.args.get(name, "")[:48] for name in ("number", "until", "sign")}
        return preview(session, door.house.ring, slug, now=door.now, **asked)
    return visit(session, slug, now=door.now)


def _open_now(door: Door, session: Session, slug: str) -> Visit:
    """The page, if anything can be taken on it now. Raises NotFoundError."""
    found = visit(session, slug, now=door.now)
    if found.standing != Standing.OPEN:
        raise NotFoundError("这个活动现在没有开放 / this page is not open now", code="page_not_open")
    return found


def _show(door: Door, session: Session, found: Visit, *, status: int = 200, **more: Any) -> AnyResponse:
    words = {name: door.words.pick(both) for name, both in SENTENCES.items()}
    if found.version is None or found.standing in _STATUS:
        opens = None if found.version is None else found.version.from_at
        return door.page("page_shut", _STATUS[found.standing], standing=str(found.standing), said=words, opens=opens)
    content, person = content_of(found.version), person_here(door, session)
    answer = door.page(
        "page",
        status,
        said=words,
        page=found.page,
        content=content,
        blocks=_blocks(door, session, found, content, person),
        previewed=found.standing == Standing.PREVIEW,
        member=person,
        known=door.held_pass() is not None,
        account=request.args.get("a", "")[:40],
        nonce=str(new_public_id()),
        fresh=request.args.get("new") == "1",
        **{"wrong": "", "why": "", "typed": "", **more},
    )
    return number_it(door, answer)


def _again(door: Door, slug: str, error: FankaError, *, wrong: str, typed: str = "") -> AnyResponse:
    """The same page once more, with what was refused said where it was asked."""
    with door.reading() as session:
        found = _open_now(door, session, slug)
        return _show(door, session, found, status=error.status, wrong=wrong, why=door.words.of_error(error), typed=typed)


def _blocks(door: Door, session: Session, found: Visit, content: PageContent, person: Member | None) -> list[dict[str, Any]]:
    """Each block with what a phone needs of it."""
    query = select(PagePicture.digest, PagePicture.media_type, PagePicture.width, PagePicture.height)
    pictures = {row.digest: row for row in session.execute(query.where(PagePicture.digest.in_(content.pictures)))}
    templates = session.scalars(select(CouponTemplate).where(CouponTemplate.public_id.in_(content.templates)))
    by_id = {template.public_id: template for template in templates}
    taken = {} if person is None or found.page is None else _taken(session, found.page.id, person)
    made = []
    for block in content.blocks:
        shown: dict[str, Any] = {"kind": block.kind, "block": block}
        if block.kind == "picture":
            row = pictures[block.picture]
            shown |= {"src": picture_url(row.digest, row.media_type), "width": row.width, "height": row.height}
        elif isinstance(block, CouponBlock):
            template = by_id[block.template]
            shown["coupon"] = _offered(door, session, template, person=person, mine=taken.get(template.id, []), label=block.label)
        made.append(shown)
    return made


def _offered(
    door: Door, session: Session, template: CouponTemplate, *, person: Member | None, mine: list[str], label: str | None
) -> Offered:
    told = say(session, template)
    full = template.per_person is not None and len(mine) >= template.per_person
    return Offered(
        id=str(template.public_id),
        name=template.name,
        worth=worth_shown(template, told, door.words),
        conditions=conditions_shown(template, told, door.words),
        until=validity_shown(template, door.words, now=door.now),
        price=template.price_points,
        why=door.words.pick(SENTENCES["page_taken"]) if full else why_not(door, session, template, person),
        taken=f"/me/coupon/{mine[0]}" if mine else "",
        label=label,
    )


def _taken(session: Session, page_id: int, person: Member) -> dict[int, list[str]]:
    """What he took on this page, by template, the latest first."""
    query = select(Coupon.template_id, Coupon.public_id).where(Coupon.customer_id == person.customer.id, Coupon.page_id == page_id)
    found: dict[int, list[str]] = {}
    for template_id, public_id in session.execute(query.order_by(Coupon.id.desc()).limit(200)):
        found.setdefault(template_id, []).append(str(public_id))
    return found


def _template(session: Session, found: Visit, wanted: UUID) -> CouponTemplate:
    """A coupon that the live page shows. Raises NotFoundError for any other."""
    assert found.version is not None, "the page is open"
    if wanted not in content_of(found.version).templates:
        raise NotFoundError("这个页面没有这张券 / this page has no such coupon", code="no_template")
    return session.scalars(select(CouponTemplate).where(CouponTemplate.public_id == wanted)).one()


def _count(door: Door) -> None:
    with door.reading() as session:
        public_id = door.member(session).customer.public_id
    count_try(door.house.engine, f"h5claim:{public_id}", most=CLAIMS, window=timedelta(hours=1), now=door.now)


def _uuid(written: str) -> UUID:
    try:
        return UUID(written)
    except ValueError as error:
        raise NotFoundError("页面已过期，请返回重试 / this page is too old; go back and try again", code="no_template") from error
