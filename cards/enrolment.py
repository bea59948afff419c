"""Enrolment by phone: the number makes or finds the person, and an old member brought from elsewhere becomes the one who stands here."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from app.core import kinds
from app.core.audit import note
from app.core.errors import ConflictError
from app.core.facts import Fact, FactRow, lock_customers, record
from app.core.nouns import Customer, Follower
from app.core.registry import Registry
from app.core.secrets import KeyRing
from cards.ledger.wallets import lock_wallets
from cards.membership import OpenedCard, open_card
from cards.models.ledger import Wallet
from cards.models.membership import CardPath
from cards.phones import find_by_phone, forget_phone, know_phone, living_customer, lock_phone, tidy_phone


def enrol(
    session: Session,
    ring: KeyRing,
    *,
    phone: str,
    programme_id: int,
    path: CardPath,
    registry: Registry,
    actor: str,
    now: datetime,
    customer_id: int | None = None,
    store_id: int | None = None,
    staff_id: int | None = None,
    invited_by: UUID | None = None,
) -> OpenedCard:
    """Open a card with a phone number that the person was proved to hold: by WeChat's own authorisation, or before the clerk's eyes.

    Without `customer_id` (a clerk) the number's customer is found or made. With it, an old member of that number who is not on WeChat is
    bound: his card, points and facts become this customer's. Raises BadRequestError for a number that is none and ConflictError when
    somebody else on WeChat holds it.
    """
    tidy = tidy_phone(phone)
    lock_phone(session, ring, tidy)
    holders = find_by_phone(session, ring, tidy)
    if customer_id is None:
        customer = holders[0] if holders else _new_customer(session, now=now)
    else:
        customer = living_customer(session, customer_id)
        for holder in holders:
            if holder.id != customer.id:
                bind(session, ring, old=holder, into=customer, registry=registry, actor=actor, now=now)
    know_phone(session, ring, customer=customer, phone=tidy, actor=actor, now=now)
    return open_card(
        session,
        customer_id=customer.id,
        programme_id=programme_id,
        path=path,
        registry=registry,
        actor=actor,
        now=now,
        store_id=store_id,
        staff_id=staff_id,
        invited_by=invited_by,
    )


def bind(session: Session, ring: KeyRing, *, old: Customer, into: Customer, registry: Registry, actor: str, now: datetime) -> None:
    """Let an old member become a customer who is here: everything of his moves, by the fact that every room listens to.

    Raises ConflictError when the old member is on WeChat himself: then only his consent joins the two.
    """
    if session.scalar(select(exists().where(Follower.customer_id == old.id, Follower.openid.is_not(None)))):
        raise ConflictError(
            "这个手机号已属于另一位微信会员，请核对 / this number belongs to another member on WeChat; compare it", code="phone_taken"
        )
    lock_wallets(session, list(session.scalars(select(Wallet.id).where(Wallet.customer_id.in_((old.id, into.id))))))
    lock_customers(session, {old.id, into.id})
    _carry_name(ring, old=old, into=into)
    forget_phone(session, old)
    session.execute(update(Follower).where(Follower.customer_id == old.id).values(customer_id=into.id))
    session.execute(update(FactRow).where(FactRow.customer_id == old.id).values(customer_id=into.id))
    old.joined_into_id = into.id
    session.flush()
    joined = Fact(f"join:{old.id}:{into.id}", kinds.JOINED, now, {"from": old.id, "into": into.id}, customer_id=into.id)
    record(session, [joined], registry=registry, now=now)
    note(
        session,
        at=now,
        actor=actor,
        action="customer.bound",
        object_type="customer",
        object_id=into.public_id,
        detail={"from": str(old.public_id)},
    )


def _new_customer(session: Session, *, now: datetime) -> Customer:
    customer = Customer(created_at=now)
    session.add(customer)
    session.flush()
    return customer


def _carry_name(ring: KeyRing, *, old: Customer, into: Customer) -> None:
    """A sealed name opens in its own row only, so it is sealed anew."""
    if old.name_sealed is not None and into.name_sealed is None:
        name = ring.open(old.name_sealed, table="customer", column="name_sealed", row=old.public_id)
        into.name_sealed = ring.seal(name, table="customer", column="name_sealed", row=into.public_id)
    old.name_sealed = None
