"""Phone numbers: one written form, sealed on the customer with its look-up hash, and found again by that hash alone."""

import re
import unicodedata
from datetime import datetime

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import BadRequestError
from app.core.nouns import Customer
from app.core.secrets import KeyRing

KIND = "phone"
_MOBILE = re.compile(r"(?:\+?86)?(1\d{10})\Z")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(encode(CAST(:hash AS bytea), 'hex'), 0))")


def tidy_phone(written: str) -> str:
    """A mobile number as it is stored: eleven digits without +86, blanks or dashes. Raises BadRequestError."""
    narrow = unicodedata.normalize("NFKC", written[:40])
    found = _MOBILE.match("".join(sign for sign in narrow if sign not in " -\t()"))
    if found is None or not found[1].isascii():
        raise BadRequestError("手机号应为 1 开头的 11 位数字 / a mobile number has 11 digits and begins with 1", code="bad_phone")
    return found[1]


def lock_phone(session: Session, ring: KeyRing, phone: str) -> None:
    """Let one transaction at a time decide whose number this is: no key can, because families share phones and people hand them on."""
    session.execute(_LOCK, {"hash": ring.lookup_hashes(phone, kind=KIND)[-1]})


def find_by_phone(session: Session, ring: KeyRing, phone: str) -> list[Customer]:
    """The living customers with a number, oldest first; one who was joined stands for whom he was joined into."""
    hashes = ring.lookup_hashes(phone, kind=KIND)
    query = select(Customer).where(or_(Customer.phone_lookup.in_(hashes), Customer.phone_lookup_next.in_(hashes))).order_by(Customer.id)
    living = {each.id: each for each in (living_customer(session, found.id) for found in session.scalars(query).all())}
    return [living[key] for key in sorted(living)]


def living_customer(session: Session, customer_id: int) -> Customer:
    """A customer, or the one he was joined into. Raises BadRequestError for nobody."""
    customer = session.get(Customer, customer_id)
    seen: set[int] = set()
    while customer is not None and customer.joined_into_id is not None and customer.id not in seen:
        seen.add(customer.id)
        customer = session.get(Customer, customer.joined_into_id)
    if customer is None:
        raise BadRequestError("没有这位顾客 / there is no such customer", code="no_customer")
    return customer


def know_phone(session: Session, ring: KeyRing, *, customer: Customer, phone: str, actor: str, now: datetime) -> bool:
    """Seal a number on a customer beside its look-up hash; says whether that was news. `phone` is tidy already.

    The only place that writes a customer's phone. The change, without the number, is in the audit.
    """
    if customer.phone_sealed is not None and _opened(ring, customer) == phone:
        return False
    customer.phone_sealed = ring.seal(phone, table="customer", column="phone_sealed", row=customer.public_id)
    customer.phone_lookup, customer.phone_lookup_next = ring.lookup_hash(phone, kind=KIND), None
    session.flush()
    note(session, at=now, actor=actor, action="customer.phone_set", object_type="customer", object_id=customer.public_id, detail={})
    return True


def forget_phone(session: Session, customer: Customer) -> None:
    """Take a number from a customer: it went to whom he was joined into."""
    customer.phone_sealed = customer.phone_lookup = customer.phone_lookup_next = None
    session.flush()


def _opened(ring: KeyRing, customer: Customer) -> str:
    assert customer.phone_sealed is not None
    return ring.open(customer.phone_sealed, table="customer", column="phone_sealed", row=customer.public_id)
