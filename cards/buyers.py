"""Who bought, where and what: the customer, the store and the goods an order names, each found or refused with a clear word."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, ForbiddenError
from app.core.nouns import Customer, Store
from app.core.secrets import KeyRing
from cards.membership import card_of, find_member
from cards.models.orders import Sku
from cards.order_forms import AnyOrder, OrderLineIn
from cards.phones import find_by_phone, living_customer, lock_phone, tidy_phone

_REFUSED = 422


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who an order is for. `phone` is tidy, and is kept with the order when it was given."""

    customer_id: int | None
    phone: str | None


def find_buyer(session: Session, order: AnyOrder, *, programme_id: int, ring: KeyRing) -> Buyer:
    """The customer an order names; nobody yet when his phone is unknown.

    Of several people with one phone the oldest member is meant. Raises BadRequestError for a phone that is none and for an unknown member.
    """
    if order.phone is not None:
        phone = tidy_phone(order.phone)
        # Whoever enrols with this number at this moment is waited for, so that no order waits for somebody who is here.
        lock_phone(session, ring, phone)
        people = find_by_phone(session, ring, phone)
        members = [each for each in people if card_of(session, customer_id=each.id, programme_id=programme_id) is not None]
        found = (members or people)[:1]
        return Buyer(found[0].id if found else None, phone)
    customer_id: int | None = None
    if order.card is not None:
        card = find_member(session, programme_id=programme_id, number=order.card, ring=ring)
        customer_id = None if card is None else card.customer_id
    elif order.customer is not None:
        customer_id = session.scalar(select(Customer.id).where(Customer.public_id == order.customer, Customer.erased_at.is_(None)))
    else:
        return Buyer(None, None)
    if customer_id is None:
        raise BadRequestError("没有这位会员 / there is no such member", code="unknown_member", status=_REFUSED)
    return Buyer(living_customer(session, customer_id).id, None)


def find_store(session: Session, named: str, *, unit_id: int | None) -> Store:
    """A store by its public id, or by its code. `unit_id` is the only unit the asker may book for.

    Raises BadRequestError for an unknown store or a code that several units use, ForbiddenError for a store of another unit.
    """
    try:
        query = select(Store).where(Store.public_id == UUID(named))
    except ValueError:
        query = select(Store).where(Store.code == named)
    stores = session.scalars(query.order_by(Store.id).limit(100)).all()
    if not stores:
        raise BadRequestError(f"没有门店 {named} / there is no store {named}", code="unknown_store", status=_REFUSED)
    own = [store for store in stores if unit_id is None or store.business_unit_id == unit_id]
    if not own:
        raise ForbiddenError(f"门店 {named} 属于另一事业部 / the store {named} belongs to another unit", code="foreign_store")
    if len(own) > 1:
        raise BadRequestError(
            f"几个事业部都有门店 {named}，请用门店 id / several units have a store {named}; give its id",
            code="ambiguous_store",
            status=_REFUSED,
        )
    return own[0]


def known_goods(session: Session, lines: Sequence[OrderLineIn], *, unit_id: int) -> list[str]:
    """The category of every line: its own, else the list's. A unit that keeps no list of goods sells anything.

    Raises BadRequestError that names the first unknown SKU.
    """
    if session.scalar(select(Sku.id).where(Sku.business_unit_id == unit_id).limit(1)) is None:
        return [line.category for line in lines]
    wanted = sorted({line.sku for line in lines})
    rows = session.execute(select(Sku.code, Sku.category).where(Sku.business_unit_id == unit_id, Sku.code.in_(wanted), Sku.active))
    known = {row.code: row.category for row in rows}
    for line in lines:
        if line.sku not in known:
            raise BadRequestError(
                f"第 {line.line_no} 行: 没有商品 {line.sku} / line {line.line_no}: there is no SKU {line.sku}",
                code="unknown_sku",
                status=_REFUSED,
            )
    return [line.category or known[line.sku] for line in lines]
