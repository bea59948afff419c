"""The one permission gate: what a person may not see does not exist for him, and to see is not to contact."""

import enum
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from app.core.errors import ForbiddenError, NotFoundError
from app.core.nouns import Customer, Store
from app.core.people import Device, Position, Role, Staff
from app.core.secrets import KeyRing

SIGHT = timedelta(minutes=10)


class Right(enum.StrEnum):
    """What somebody may do where he has a position."""

    REDEEM = "redeem"
    LOOK_UP = "look_up"
    """Find a member by what the member shows or says: card, phone, dynamic code."""
    BOOK = "book"
    OPEN_CARD = "open_card"
    UNDO_OTHERS = "undo_others"
    RESOLVE = "resolve"
    """Decide on scans that were parked, and on what the defences held back."""
    REPORT = "report"
    STAFF = "staff"
    """Give and take positions, pair and cut off devices."""
    CUSTOMERS = "customers"
    """See customers without being shown them."""
    CONTACT = "contact"
    """Learn how to reach a customer."""
    DESIGN = "design"
    """Coupon templates, tiers, earning rules, broadcasts."""
    SETTLE = "settle"


_AT_THE_COUNTER = {Right.REDEEM, Right.LOOK_UP, Right.BOOK, Right.OPEN_CARD}
_IN_CHARGE = _AT_THE_COUNTER | {Right.UNDO_OTHERS, Right.RESOLVE, Right.REPORT}
RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.CLERK: frozenset(_AT_THE_COUNTER),
    Role.SUPERVISOR: frozenset(_IN_CHARGE),
    Role.MANAGER: frozenset(_IN_CHARGE | {Right.STAFF, Right.CONTACT}),
    Role.MARKETER: frozenset({Right.DESIGN, Right.CUSTOMERS, Right.CONTACT, Right.REPORT}),
    Role.FINANCE: frozenset({Right.SETTLE, Right.REPORT}),
    Role.ADMIN: frozenset(Right),
}


def rights_at(session: Session, staff: Staff, store: Store) -> frozenset[Right]:
    """Everything somebody may do at a store: his positions there, at its business unit and in the group. Nothing for staff who left."""
    if not staff.active:
        return frozenset()
    here = or_(
        Position.store_id == store.id,
        Position.business_unit_id == store.business_unit_id,
        and_(Position.store_id.is_(None), Position.business_unit_id.is_(None)),
    )
    held = session.scalars(select(Position.role).where(Position.staff_id == staff.id, here))
    return frozenset().union(*(RIGHTS[Role(role)] for role in held))


def stores_of(staff: Staff, *, right: Right | None = None) -> Select[Any]:
    """The ids of the stores somebody may see, or may use a right at, as a query other queries can stand on."""
    roles = [role for role, rights in RIGHTS.items() if right is None or right in rights]
    covers: ColumnElement[bool] = or_(
        Position.store_id == Store.id,
        Position.business_unit_id == Store.business_unit_id,
        and_(Position.store_id.is_(None), Position.business_unit_id.is_(None)),
    )
    held = select(Position.id).join(Staff, Staff.id == Position.staff_id)
    return select(Store.id).where(held.where(Staff.id == staff.id, Staff.active, Position.role.in_(roles), covers).exists())


def access_store(session: Session, staff: Staff, public_id: UUID, *, right: Right | None = None) -> Store:
    """The only way to a store by id. Raises NotFoundError when he has no position there, ForbiddenError when the position lacks the right."""
    store = session.scalar(select(Store).where(Store.public_id == public_id))
    rights = frozenset() if store is None else rights_at(session, staff, store)
    if store is None or not rights:
        raise NotFoundError("没有这家门店 / there is no such store", code="no_store")
    demand(rights, right)
    return store


def access_device(session: Session, staff: Staff, public_id: UUID) -> Device:
    """The only way to a device by id: for those who look after its store. Raises NotFoundError."""
    query = select(Device).where(Device.public_id == public_id, Device.store_id.in_(stores_of(staff, right=Right.STAFF)))
    device = session.scalar(query)
    if device is None:
        raise NotFoundError("没有这台设备 / there is no such device", code="no_device")
    return device


def demand(rights: frozenset[Right], right: Right | None) -> None:
    """Raises ForbiddenError, saying whom to ask, when a right is missing."""
    if right is not None and right not in rights:
        who = "主管" if right in {Right.UNDO_OTHERS, Right.RESOLVE, Right.REPORT} else "店长或管理员"
        raise ForbiddenError(f"你在本店没有这项权限，请找{who} / you lack the right `{right}` here; ask your supervisor", code="no_right")


@dataclass(frozen=True, slots=True)
class Seen:
    """A customer as somebody may see him: recognisable to who stands before him, useless to who does not."""

    id: int
    public_id: UUID
    name: str
    """Masked: the first sign and a star; empty when unknown."""
    phone: str
    """Masked: 138****0003; empty when unknown."""


def grant_sight(ring: KeyRing, *, viewer: UUID, customer: UUID, now: datetime) -> str:
    """A word by which the log-in `viewer` may come back to a customer who showed himself, for ten minutes."""
    until = int((now + SIGHT).timestamp())
    return f"{until}.{_sight(ring, viewer, customer, until)}"


def access_customer(
    session: Session, ring: KeyRing, staff: Staff, public_id: UUID, *, viewer: UUID | None = None, sight: str = "", now: datetime
) -> Seen:
    """The only way to a customer by id: by a fresh sight of him, or by the right to see customers anywhere. Raises NotFoundError."""
    allowed = viewer is not None and _sees(ring, viewer, public_id, sight, now)
    if not allowed and session.scalar(stores_of(staff, right=Right.CUSTOMERS).limit(1)) is None:
        raise _nobody()
    customer = session.scalar(select(Customer).where(Customer.public_id == public_id))
    if customer is None or customer.erased_at is not None or customer.joined_into_id is not None or not staff.active:
        raise _nobody()
    return see(ring, customer)


def see(ring: KeyRing, customer: Customer) -> Seen:
    """A customer masked."""
    return Seen(customer.id, customer.public_id, mask_name(_opened(ring, customer, "name")), mask_phone(_opened(ring, customer, "phone")))


def contact(session: Session, ring: KeyRing, staff: Staff, seen: Seen) -> str:
    """The phone number of a customer one sees: a right of its own. Raises ForbiddenError. The caller writes it into the audit."""
    if session.scalar(stores_of(staff, right=Right.CONTACT).limit(1)) is None:
        raise ForbiddenError("你可以看到这位会员，但不能联系 / you may see this customer, not contact him", code="no_contact")
    return _opened(ring, session.get_one(Customer, seen.id), "phone")


def is_own(session: Session, staff_id: int, customer_id: int) -> bool:
    """Whether a customer is the clerk himself: the phone numbers are the same under either look-up key."""
    same = or_(
        Customer.phone_lookup == Staff.phone_lookup,
        Customer.phone_lookup == Staff.phone_lookup_next,
        Customer.phone_lookup_next == Staff.phone_lookup,
        Customer.phone_lookup_next == Staff.phone_lookup_next,
    )
    return session.scalar(select(Staff.id).where(Staff.id == staff_id, Customer.id == customer_id, same)) is not None


def mask_name(name: str) -> str:
    """`林小海` becomes `林*`."""
    return f"{name[0]}*" if name else ""


def mask_phone(phone: str) -> str:
    """`13800000003` becomes `138****0003`."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 8 else "****" if phone else ""


def _opened(ring: KeyRing, customer: Customer, field: str) -> str:
    sealed: bytes | None = getattr(customer, f"{field}_sealed")
    return "" if sealed is None else ring.open(sealed, table="customer", column=f"{field}_sealed", row=customer.public_id)


def _nobody() -> NotFoundError:
    return NotFoundError(
        "没有这位会员，请会员重新出示会员码 / there is no such customer; ask him to show his code again", code="no_customer"
    )


def _sight(ring: KeyRing, viewer: UUID, customer: UUID, until: int) -> str:
    return ring.lookup_hash(f"{viewer}:{customer}:{until}", kind="sight")[:16].hex()


def _sees(ring: KeyRing, viewer: UUID, customer: UUID, sight: str, now: datetime) -> bool:
    until, _, seal = sight.partition(".")
    if not until.isascii() or not until.isdigit() or len(until) > 12 or int(until) < now.timestamp() or not seal.isascii():
        return False
    return hmac.compare_digest(seal, _sight(ring, viewer, customer, int(until)))
