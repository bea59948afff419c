"""What a member wants to hear, and the address he may be written to: sealed, confirmed by whoever reads it, taken back at any time."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError, ForbiddenError
from app.core.facts import Fact, record
from app.core.nouns import Customer
from app.core.registry import Registry
from app.core.secrets import KeyRing
from cards.codes import is_signed, sign_text
from cards.models.contact import SPEAKING, TOPICS, ContactWish, EmailConsent

ASKED = "email.asked"
KIND = "email"
NOTICE = "2026-11"
"""The version of the words beside the address field."""
LINK_LIFE = timedelta(days=3)
Do = Literal["confirm", "leave"]
_PLAIN = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
)
_SIGNS = 40


def tidy_email(written: str) -> str:
    """An address as it is stored, its domain in small letters. Raises BadRequestError."""
    plain = written.strip()
    name, _, domain = plain.rpartition("@")
    if len(plain) > 200 or len(name) > 64 or _PLAIN.fullmatch(plain) is None:
        raise BadRequestError(
            "邮箱格式不对，应像 lin@example.com / an e-mail address looks like lin@example.com", code="bad_email", status=422
        )
    return f"{name}@{domain.lower()}"


def email_of(ring: KeyRing, customer: Customer) -> str | None:
    """A customer's address, opened; None when he has given none."""
    if customer.email_sealed is None:
        return None
    return ring.open(customer.email_sealed, table="customer", column="email_sealed", row=customer.public_id)


def consent_of(session: Session, customer_id: int) -> EmailConsent | None:
    """The consent beside an address, whatever its state."""
    return session.get(EmailConsent, customer_id)


def may_mail(consent: EmailConsent | None) -> bool:
    """Whether the address was confirmed and its consent not taken back."""
    return consent is not None and consent.confirmed_at is not None and consent.revoked_at is None


def know_email(session: Session, ring: KeyRing, *, customer: Customer, written: str, registry: Registry, actor: str, now: datetime) -> bool:
    """Seal an address on a customer and ask it for its consent; says whether that was news. Until it confirms, nothing else is sent there.

    Raises BadRequestError. The only place that writes a customer's address; the change, without the address, is in the audit.
    """
    address = tidy_email(written)
    held = consent_of(session, customer.id)
    if email_of(ring, customer) == address and held is not None and held.revoked_at is None:
        return False
    customer.email_sealed = ring.seal(address, table="customer", column="email_sealed", row=customer.public_id)
    customer.email_lookup, customer.email_lookup_next = ring.lookup_hash(address, kind=KIND), None
    fresh = {"version": NOTICE, "asked_at": now, "confirmed_at": None, "revoked_at": None}
    row = pg_insert(table_of(EmailConsent)).values(customer_id=customer.id, **fresh)
    session.execute(row.on_conflict_do_update(index_elements=["customer_id"], set_=fresh))
    session.flush()
    note(session, at=now, actor=actor, action="customer.email_set", object_type="customer", object_id=customer.public_id, detail={})
    key = f"email:{customer.public_id}:{int(now.timestamp())}:{customer.email_lookup.hex()[:8]}"
    asked = Fact(key, ASKED, now, {"version": NOTICE}, customer_id=customer.id)
    record(session, [asked], registry=registry, now=now)
    return True


def forget_email(session: Session, *, customer: Customer, actor: str, now: datetime) -> None:
    """Take an address and its consent from a customer who no longer wants it known."""
    if customer.email_sealed is None:
        return
    customer.email_sealed = customer.email_lookup = customer.email_lookup_next = None
    _revoke(session, customer.id, now=now)
    note(session, at=now, actor=actor, action="customer.email_removed", object_type="customer", object_id=customer.public_id, detail={})


def make_link(ring: KeyRing, customer: Customer, *, do: Do, base: str, now: datetime) -> str:
    """A link for a letter: to confirm the address within three days, or to hear no more, for good. It is about this address alone."""
    until = int((now + LINK_LIFE).timestamp()) if do == "confirm" else 0
    word = sign_text(ring, "email link", _signed(ring, customer, do, until))[:_SIGNS]
    return f"{base}/h5/mail?" + urlencode({"do": do, "c": str(customer.public_id), "u": until, "w": word})


def follow_link(session: Session, ring: KeyRing, given: Mapping[str, str], *, now: datetime, act: bool) -> Do:
    """What a link of a letter asks for; with `act` it is done, and may be done twice. Raises ForbiddenError for a link that is none or over."""
    wrong = ForbiddenError("链接无效或已过期，请重新填写邮箱 / this link is not valid any more; type your address again", code="stale_link")
    try:
        do, until, named = given.get("do", ""), int(given.get("u", "")[:12]), UUID(given.get("c", "")[:40])
    except ValueError:
        raise wrong from None
    customer = session.scalar(select(Customer).where(Customer.public_id == named))
    if customer is None or do not in ("confirm", "leave") or customer.email_sealed is None:
        raise wrong
    word = given.get("w", "")[:_SIGNS]
    if not word.isascii() or not is_signed(ring, "email link", _signed(ring, customer, do, until), word):
        raise wrong
    if do == "confirm" and now.timestamp() > until:
        raise wrong
    chosen: Do = "confirm" if do == "confirm" else "leave"
    if act:
        _apply(session, customer, chosen, now=now)
    return chosen


def refuse_address(session: Session, *, customer: Customer, now: datetime) -> None:
    """The address does not take letters: nothing is sent there until its owner gives it anew."""
    if _revoke(session, customer.id, now=now):
        note(session, at=now, actor="system", action="email.refused", object_type="customer", object_id=customer.public_id, detail={})


def set_wishes(session: Session, *, customer: Customer, wanted: Mapping[tuple[str, str], bool], actor: str, now: datetime) -> int:
    """Keep what a member wants to hear, by (topic, channel); says how many wishes changed. Others stay as they are."""
    if not set(wanted) <= {(topic, channel) for topic in TOPICS for channel in SPEAKING}:
        raise BadRequestError("没有这个选项 / there is no such choice", code="bad_wish", status=422)
    held = {(each.topic, each.channel): each.wanted for each in wishes_of(session, customer.id)}
    changed = {key: wish for key, wish in wanted.items() if held.get(key, True) != wish}
    for topic, channel in sorted(changed):
        said = {"wanted": changed[topic, channel], "changed_at": now}
        row = pg_insert(table_of(ContactWish)).values(customer_id=customer.id, topic=topic, channel=channel, **said)
        session.execute(row.on_conflict_do_update(index_elements=["customer_id", "topic", "channel"], set_=said))
    if changed:
        detail = {f"{topic}:{channel}": wish for (topic, channel), wish in sorted(changed.items())}
        note(session, at=now, actor=actor, action="contact.wishes", object_type="customer", object_id=customer.public_id, detail=detail)
    return len(changed)


def wishes_of(session: Session, customer_id: int) -> list[ContactWish]:
    """What a member has said; what he has not said he wants."""
    return list(session.scalars(select(ContactWish).where(ContactWish.customer_id == customer_id)))


def _apply(session: Session, customer: Customer, do: Do, *, now: datetime) -> None:
    consent = session.get(EmailConsent, customer.id, with_for_update=True)
    if consent is None:
        return
    if do == "leave":
        if not _revoke(session, customer.id, now=now):
            return
    elif consent.confirmed_at is not None or consent.revoked_at is not None:
        return
    else:
        consent.confirmed_at = now
    session.flush()
    action = "email.confirmed" if do == "confirm" else "email.left"
    note(
        session,
        at=now,
        actor="letter",
        action=action,
        object_type="customer",
        object_id=customer.public_id,
        detail={"version": consent.version},
    )


def _revoke(session: Session, customer_id: int, *, now: datetime) -> bool:
    consent = session.get(EmailConsent, customer_id, with_for_update=True)
    if consent is None or consent.revoked_at is not None:
        return False
    consent.revoked_at = now
    session.flush()
    return True


def _signed(ring: KeyRing, customer: Customer, do: str, until: int) -> str:
    """What a link's word is about: a link of an older address opens nothing."""
    address = email_of(ring, customer) or ""
    return f"{do}:{customer.public_id}:{until}:{hashlib.sha256(address.encode()).hexdigest()}"
