"""Codes that move every 30 seconds, as QR and as Code 128 bars: the member's own, and one of each coupon."""

from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response, render_template, request
from markupsafe import Markup
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFoundError
from app.web.h5.code128 import draw_bars
from app.web.h5.coupon_words import Shown, show_coupon
from app.web.h5.door import Door, Member
from app.web.h5.home import face_of
from app.web.h5.offered import offered_to
from app.web.h5.shown import grouped
from cards import codes
from cards.models.coupons import Coupon, CouponTemplate
from cards.tiers import current_tier
from cards.value_consent import last_answered, open_consents


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/me/code`, `/me/coupon/<id>`, and below each `fresh`: the next code as a piece of the page."""

    @blueprint.get("/me/code")
    def member_code() -> Response:
        said = request.args.get("said", "")
        said = said if said in ("agreed", "declined") else ""
        with door.reading() as session:
            member, now = door.member(session), door.now
            tier = current_tier(session, customer_id=member.customer.id, programme_id=member.programme.id, at=now)
            return door.page(
                "code",
                piece=_piece(door, _member_code(door, member)),
                asked=open_consents(session, customer_id=member.customer.id, now=now),
                said=said,
                said_fen=last_answered(session, customer_id=member.customer.id) if said else 0,
                offer=offered_to(
                    session, customer_id=member.customer.id, programme_id=member.programme.id, tier=tier, words=door.words, now=now
                ),
                tier=tier,
                face=face_of(tier),
                card=member.card,
            )

    @blueprint.get("/me/code/fresh")
    def fresh_member_code() -> Response:
        with door.reading() as session:
            return Response(_piece(door, _member_code(door, door.member(session))), content_type="text/html; charset=utf-8")

    @blueprint.get("/me/coupon/<coupon>")
    def coupon_code(coupon: str) -> Response:
        with door.reading() as session:
            held, shown = _coupon(door, session, coupon)
            piece = _piece(door, _coupon_code(door, held)) if shown.ready else None
            return door.page("coupon", coupon=shown, piece=piece, typed=codes.shown(held.code), new=request.args.get("new") == "1")

    @blueprint.get("/me/coupon/<coupon>/fresh")
    def fresh_coupon_code(coupon: str) -> Response:
        with door.reading() as session:
            held, shown = _coupon(door, session, coupon)
            if not shown.ready:
                return Response(status=410)
            return Response(_piece(door, _coupon_code(door, held)), content_type="text/html; charset=utf-8")


def seconds_left(now: datetime) -> int:
    """How long the code of a moment is shown: until its half minute ends."""
    return codes.STEP_S - int(now.timestamp()) % codes.STEP_S


def draw_qr(code: str) -> str:
    """An SVG of a code as QR, one unit a module, quiet zone included."""
    maker = QRCode(error_correction=ERROR_CORRECT_M, border=4)
    maker.add_data(code)
    maker.make(fit=True)
    matrix = maker.get_matrix()
    side = len(matrix)
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(matrix) for x, dark in enumerate(row) if dark)
    return (
        f'<svg class="qr" viewBox="0 0 {side} {side}" shape-rendering="crispEdges" role="img" aria-label="QR">'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path d="{path}"/></svg>'
    )


def _piece(door: Door, code: str) -> Markup:
    """The part of the page that changes: bars, QR, the code in signs, and how long it is good."""
    drawn = {"bars": Markup(draw_bars(code)), "qr": Markup(draw_qr(code))}  # noqa: S704 - both are drawn here from a code of our own.
    body = render_template("h5/piece.html", t=door.words, code=code, shown=grouped(code), left=seconds_left(door.now), **drawn)
    return Markup(body)  # noqa: S704 - a template of ours, escaped already.


def _member_code(door: Door, member: Member) -> str:
    return codes.make_moving(door.house.ring, kind=codes.MEMBER, subject=int(member.card.number), now=door.now)


def _coupon_code(door: Door, coupon: Coupon) -> str:
    return codes.make_moving(door.house.ring, kind=codes.COUPON, subject=coupon.number, now=door.now)


def _coupon(door: Door, session: Session, written: str) -> tuple[Coupon, Shown]:
    """One of the member's own coupons; another's does not exist for him. Raises NotFoundError."""
    member = door.member(session)
    try:
        public_id = UUID(written)
    except ValueError as error:
        raise _no_coupon() from error
    query = select(Coupon, CouponTemplate).join(CouponTemplate, CouponTemplate.id == Coupon.template_id)
    found = session.execute(query.where(Coupon.public_id == public_id, Coupon.customer_id == member.customer.id)).first()
    if found is None:
        raise _no_coupon()
    return found[0], show_coupon(session, found[0], found[1], words=door.words, now=door.now)


def _no_coupon() -> NotFoundError:
    return NotFoundError("没有这张券 / there is no such coupon", code="no_coupon")
