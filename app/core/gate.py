"""The one permission gate: what a person may not see does not exist for him, and to see is not to contact."""

import enum
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.core.errors import ForbiddenError, NotFoundError
from app.core.nouns import Customer, Store
from app.core.people import Department, Device, Position, Role, Staff
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
    OVERRIDE = "override"
    """Let a coupon through a condition it does not meet, with a reason; never past its stock, its use or its dates."""
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
_IN_CHARGE = _AT_THE_COUNTER | {Right.UNDO_OTHERS, Right.OVERRIDE, Right.RESOLVE, Right.REPORT}
RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.CLERK: frozenset(_AT_THE_COUNTER),
    Role.SUPERVISOR: frozenset(_IN_CHARGE),
    Role.MANAGER: frozenset(_IN_CHARGE | {Right.STAFF, Right.CONTACT}),
    Role.MARKETER: frozenset({Right.DESIGN, Right.CUSTOMERS, Right.CONTACT, Right.REPORT}),
    Role.FINANCE: frozenset({Right.SETTLE, Right.REPORT}),
    Role.ADMIN: frozenset(Right),
}
_BELOW: Mapping[Role, list[Role]] = {role: [other for other in RIGHTS if RIGHTS[other] < RIGHTS[role]] for role in RIGHTS}


def rights_at(session: Session, staff: Staff, store: Store, *, department_id: int | None = None) -> frozenset[Right]:
    """Everything somebody may do at a store, or in one of its departments: his positions there, at its unit and in the group.

    A position in a department reaches no further than that department. Nothing for staff who left.
    """
    return frozenset().union(*(RIGHTS[role] for role in roles_at(session, staff, store, department_id=department_id)))


def roles_at(session: Session, staff: Staff, store: Store, *, department_id: int | None = None) -> frozenset[Role]:
    """What somebody is at a store, or in one of its departments."""
    if not staff.active:
        return frozenset()
    here = _covers(store.id, store.business_unit_id)
    if department_id is not None:
        here = or_(here, Position.department_id == department_id)
    return frozenset(Role(role) for role in session.scalars(select(Position.role).where(Position.staff_id == staff.id, here)))


def stores_of(staff: Staff, *, right: Right | None = None) -> Select[Any]:
    """The ids of the stores somebody may see as a whole, or may use a right at, as a query other queries can stand on."""
    return select(Store.id).where(_held(staff, right).where(_covers(Store.id, Store.business_unit_id)).exists())


def departments_of(staff: Staff, *, right: Right | None = None) -> Select[Any]:
    """The ids of the departments somebody may see: his own, and all of the stores he sees as a whole."""
    covers = or_(_covers(Store.id, Store.business_unit_id), Position.department_id == Department.id)
    return select(Department.id).join(Store, Store.id == Department.store_id).where(_held(staff, right).where(covers).exists())


def devices_of(staff: Staff, *, right: Right | None = None) -> Select[Any]:
    """The ids of the devices somebody may see: those of his departments, and all of the stores he sees as a whole."""
    covers = or_(_covers(Store.id, Store.business_unit_id), Position.department_id == Device.department_id)
    return select(Device.id).join(Store, Store.id == Device.store_id).where(_held(staff, right).where(covers).exists())


def access_store(session: Session, staff: Staff, public_id: UUID, *, right: Right | None = None) -> Store:
    """The only way to a store by id. Raises NotFoundError when he has no position there, ForbiddenError when the position lacks the right."""
    store = session.scalar(select(Store).where(Store.public_id == public_id))
    rights = frozenset() if store is None else rights_at(session, staff, store)
    if store is None or not rights:
        raise NotFoundError("没有这家门店 / there is no such store", code="no_store")
    demand(rights, right)
    return store


def access_department(session: Session, staff: Staff, public_id: UUID, *, right: Right | None = None) -> Department:
    """The only way to a department by id. Raises NotFoundError when he has no position that reaches it, ForbiddenError without the right."""
    row = session.execute(
        select(Department, Store).join(Store, Store.id == Department.store_id).where(Department.public_id == public_id)
    ).one_or_none()
    rights = frozenset() if row is None else rights_at(session, staff, row[1], department_id=row[0].id)
    if row is None or not rights:
        raise NotFoundError("没有这个部门 / there is no such department", code="no_department")
    demand(rights, right)
    return row[0]


def access_device(session: Session, staff: Staff, public_id: UUID) -> Device:
    """The only way to a device by id: for those who look after its store or department. Raises NotFoundError."""
    device = session.scalar(select(Device).where(Device.public_id == public_id, Device.id.in_(devices_of(staff, right=Right.STAFF))))
    if device is None:
        raise NotFoundError("没有这台设备 / there is no such device", code="no_device")
    return device


def staff_under(boss: Staff) -> Select[Any]:
    """The ids of the staff somebody looks after: himself, and whose every position lies below one of his own that may give positions.

    Who works elsewhere too, or stands beside or above him, is not his to change: else a store's manager could become an administrator.
    """
    theirs, place = aliased(Position), aliased(Store)
    above = or_(*(and_(Position.role == role, theirs.role.in_(_BELOW[role])) for role in RIGHTS))
    under = _held(boss, Right.STAFF).where(
        above,
        or_(
            and_(Position.store_id.is_(None), Position.business_unit_id.is_(None), Position.department_id.is_(None)),
            Position.department_id == theirs.department_id,
            Position.store_id == place.id,
            Position.business_unit_id == func.coalesce(theirs.business_unit_id, place.business_unit_id),
        ),
    )
    department = aliased(Department)
    beyond = (
        select(theirs.id)
        .outerjoin(department, department.id == theirs.department_id)
        .outerjoin(place, place.id == func.coalesce(theirs.store_id, department.store_id))
        .where(theirs.staff_id == Staff.id, ~under.correlate(theirs, place).exists())
    )
    anywhere = select(theirs.id).where(theirs.staff_id == Staff.id)
    himself = and_(Staff.id == boss.id, _held(boss, Right.STAFF).exists())
    return select(Staff.id).where(Staff.active, or_(himself, and_(anywhere.exists(), ~beyond.exists())))


def access_staff(session: Session, boss: Staff, public_id: UUID) -> Staff:
    """The only way to somebody's record by id: for those who look after every place he works at. Raises NotFoundError."""
    found = session.scalar(select(Staff).where(Staff.public_id == public_id, Staff.id.in_(staff_under(boss))))
    if found is None:
        raise NotFoundError("没有这位员工 / there is no such person", code="no_staff")
    return found


def _held(staff: Staff, right: Right | None) -> Select[Any]:
    roles = [role for role, rights in RIGHTS.items() if right is None or right in rights]
    owner = aliased(Staff)
    held = select(Position.id).join(owner, owner.id == Position.staff_id)
    return held.where(owner.id == staff.id, owner.active, Position.role.in_(roles))


def _covers(store_id: Any, unit_id: Any) -> ColumnElement[bool]:
    """Positions that reach a whole store: at it, at its unit, or in the group."""
    group = and_(Position.store_id.is_(None), Position.business_unit_id.is_(None), Position.department_id.is_(None))
    return or_(Position.store_id == store_id, Position.business_unit_id == unit_id, group)


def demand(rights: frozenset[Right], right: Right | None) -> None:
    """Raises ForbiddenError, saying whom to ask, when a right is missing."""
    if right is not None and right not in rights:
        who = "主管" if right in {Right.UNDO_OTHERS, Right.OVERRIDE, Right.RESOLVE, Right.REPORT} else "店长或管理员"
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
