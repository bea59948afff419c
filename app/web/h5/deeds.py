"""What a member does on his phone and the rules reward: checking in once a day, and bringing friends by a link of his own."""

from flask import Blueprint, redirect
from markupsafe import Markup
from werkzeug.wrappers import Response

from app.web.h5.code import draw_qr
from app.web.h5.door import Door
from app.web.h5.words import capital
from cards.activities import REFERRED, check_in
from cards.rulebook import rules_at


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/me/check-in` and `/me/invite`."""

    @blueprint.post("/me/check-in")
    def check_in_today() -> Response:
        door.form()
        with door.work() as session:
            member = door.member(session)
            done = check_in(
                session,
                customer_id=member.customer.id,
                programme_id=member.programme.id,
                registry=door.house.registry,
                actor="h5",
                now=door.now,
            )
        return redirect(f"/me?hello=in-{done.streak}-{done.points}" if done.fresh else "/me", 303)

    @blueprint.get("/me/invite")
    def invite_friends() -> Response:
        with door.reading() as session:
            member = door.member(session)
            rules = rules_at(session, programme_id=member.programme.id, at=door.now, hears=REFERRED)
            said = [capital(door.words.pick(rule.kind.describe(rule.params))) for rule in rules]
        link = f"{door.house.settings.public_url}/join?by={member.card.public_id}"
        # The picture is drawn here from a link of our own.
        return door.page("invite", link=link, qr=Markup(draw_qr(link)), said=said)  # noqa: S704 - drawn here from an address of our own.
