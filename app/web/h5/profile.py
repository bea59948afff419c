"""`/me/profile`: what a member tells of himself, his address for letters, and what he wants to hear where."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, redirect, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.core.errors import FankaError
from app.core.facts import lock_customers
from app.core.tries import count_try
from app.web.h5.door import Door, Member
from cards.birthdays import know_birthday
from cards.contact import consent_of, email_of, follow_link, forget_email, know_email, may_mail, set_wishes, wishes_of
from cards.models.contact import SPEAKING, TOPICS
from cards.models.membership import MemberCard
from cards.profile import complete_profile, know_name, reward_for_profile
from cards.rulebook import rules_at

TRIES = 10
"""How often a day one person may send the form: every new address gets a letter."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One choice: its name in the form, and whether it is wanted."""

    topic: str
    channel: str
    wanted: bool

    @property
    def name(self) -> str:
        return f"{self.topic}_{self.channel}"


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/me/profile`, and `/h5/mail`, where the links of letters lead."""

    @blueprint.get("/me/profile")
    def read_profile() -> Response:
        with door.reading() as session:
            return _page(door, session, door.member(session))

    @blueprint.post("/me/profile")
    def keep_profile() -> Response:
        given = door.form()
        return _kept(door, given, lambda session, member: _keep(door, session, member, given))

    @blueprint.post("/me/wishes")
    def keep_wishes() -> Response:
        given = door.form()

        def keep(session: Session, member: Member) -> None:
            wanted = {(topic, channel): given.get(f"{topic}_{channel}") == "on" for topic in TOPICS for channel in SPEAKING}
            set_wishes(session, customer=member.customer, wanted=wanted, actor="h5", now=door.now)

        return _kept(door, given, keep)

    @blueprint.get("/h5/mail")
    def read_letter() -> Response:
        with door.reading() as session:
            do = follow_link(session, door.house.ring, request.args, now=door.now, act=False)
        return door.page("mail", do=do, done=False, link=request.full_path)

    @blueprint.post("/h5/mail")
    def follow_letter() -> Response:
        # The link itself is the right to do this: a mail program's button brings no cookie and no form of ours.
        with door.work() as session:
            do = follow_link(session, door.house.ring, request.args, now=door.now, act=True)
        return door.page("mail", do=do, done=True, link="")


def _kept(door: Door, given: dict[str, str], keep: Callable[[Session, Member], None]) -> Response:
    """Count the try, keep what was sent, and show the page again: with a word of thanks, or with what is wrong."""
    with door.reading() as session:
        member = door.member(session)
    count_try(door.house.engine, f"h5profile:{member.customer.public_id}", most=TRIES, window=timedelta(days=1), now=door.now)
    try:
        with door.work() as session:
            keep(session, door.member(session))
    except FankaError as error:
        if error.status >= 500:
            raise
        with door.reading() as session:
            return _page(door, session, door.member(session), why=door.words.of_error(error), given=given, status=error.status)
    return redirect("/me/profile?kept=1", 303)


def _keep(door: Door, session: Session, member: Member, given: dict[str, str]) -> None:
    house, now = door.house, door.now
    # He before his card, as everywhere: the night over tiers takes both.
    lock_customers(session, [member.customer.id])
    card = session.get_one(MemberCard, member.card.id)
    if given.get("name"):
        know_name(session, house.ring, member.customer, written=given["name"], actor="h5", now=now)
    if given.get("birthday"):
        know_birthday(session, house.ring, card, written=given["birthday"])
    if given.get("email"):
        know_email(session, house.ring, customer=member.customer, written=given["email"], registry=house.registry, actor="h5", now=now)
    elif "email" in given:
        forget_email(session, customer=member.customer, actor="h5", now=now)
    complete_profile(session, card, customer=member.customer, registry=house.registry, now=now)


def _page(
    door: Door, session: Session, member: Member, *, why: str = "", given: dict[str, str] | None = None, status: int = 200
) -> Response:
    ring, customer, card = door.house.ring, member.customer, member.card
    held = {(each.topic, each.channel): each.wanted for each in wishes_of(session, customer.id)}
    consent = consent_of(session, customer.id)
    name = (
        ""
        if customer.name_sealed is None
        else ring.open(customer.name_sealed, table="customer", column="name_sealed", row=customer.public_id)
    )
    birthday = (
        ""
        if card.birthday_sealed is None
        else ring.open(card.birthday_sealed, table="member_card", column="birthday_sealed", row=card.public_id)
    )
    rules = rules_at(session, programme_id=member.programme.id, at=door.now, hears="form.completed")
    return door.page(
        "profile",
        status,
        kept=request.args.get("kept") == "1" and not why,
        why=why,
        called=name,
        birthday=birthday,
        email=email_of(ring, customer) or "",
        mail_on=may_mail(consent),
        mail_asked=consent is not None
        and consent.confirmed_at is None
        and consent.revoked_at is None
        and customer.email_sealed is not None,
        mails=door.house.settings.smtp_url is not None,
        given=given or {},
        reward=reward_for_profile(session, card, rules),
        wishes={topic: [Wish(topic, channel, held.get((topic, channel), True)) for channel in SPEAKING] for topic in TOPICS},
    )
