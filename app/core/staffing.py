"""Stores, staff, positions and devices: added, changed and cut off, each with its entry in the audit."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.ids import new_public_id
from app.core.logins import plain_code
from app.core.nouns import BusinessUnit, Store
from app.core.passwords import hash_password, new_pair_code, new_totp_secret, token_hash
from app.core.people import Department, Device, Position, Role, Staff, StaffSession
from app.core.secrets import KeyRing

PAIR_LIFE = timedelta(minutes=15)
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}\Z")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z")
_PHONE = re.compile(r"1\d{10}\Z")


def add_store(session: Session, *, code: str, name: str, unit: str, actor: str, now: datetime) -> Store:
    """Open a store under a business unit, which is made when there is none of that name. Raises BadRequestError, ConflictError."""
    if not _CODE.match(code):
        raise BadRequestError("门店编号为 1 到 32 位字母数字 / a store's code has 1 to 32 letters and digits", code="bad_store")
    check_name(name)
    check_name(unit)
    if find_store(session, code) is not None:
        raise ConflictError(f"门店编号 {code} 已有 / there is a store {code} already", code="store_exists")
    session.execute(pg_insert(table_of(BusinessUnit)).values(public_id=new_public_id(), name=unit).on_conflict_do_nothing())
    held = session.scalars(select(BusinessUnit).where(BusinessUnit.name == unit)).one()
    store = Store(business_unit_id=held.id, code=code, name=name)
    session.add(store)
    session.flush()
    note(session, at=now, actor=actor, action="store.added", object_type="store", object_id=store.public_id, detail={"code": code})
    return store


def find_store(session: Session, code: str) -> Store | None:
    """A store by its code, which is unique in the group unless two units were brought in with their own."""
    found = session.scalars(select(Store).where(Store.code == code).limit(2)).all()
    if len(found) > 1:
        raise ConflictError(f"有两家门店的编号是 {code} / two stores have the code {code}", code="store_unclear")
    return found[0] if found else None


def store_called(session: Session, code: str) -> Store:
    """A store by its code. Raises NotFoundError."""
    store = find_store(session, code)
    if store is None:
        raise NotFoundError(f"没有门店 {code} / there is no store {code}", code="no_store")
    return store


def add_staff(
    session: Session, ring: KeyRing, *, login: str, name: str, password: str, phone: str | None = None, actor: str, now: datetime
) -> Staff:
    """Take somebody on. `phone` is his own as a member, so that he cannot redeem for himself. Raises BadRequestError, ConflictError."""
    login = login.strip().lower()
    if not _LOGIN.match(login):
        raise BadRequestError("工号为 2 到 32 位小写字母、数字、点、横线 / a login has 2 to 32 of a-z 0-9 . _ -", code="bad_login_name")
    check_name(name)
    staff = Staff(public_id=new_public_id(), login=login, name=name, password_hash=hash_password(password), created_at=now)
    if phone is not None:
        if not _PHONE.match(phone):
            raise BadRequestError("手机号应为 11 位 / a phone number has 11 digits", code="bad_phone")
        staff.phone_sealed = ring.seal(phone, table="staff", column="phone_sealed", row=staff.public_id)
        staff.phone_lookup = ring.lookup_hash(phone, kind="phone")
    try:
        with session.begin_nested():
            session.add(staff)
    except IntegrityError as error:
        raise ConflictError(f"工号 {login} 已有 / there is somebody with the login {login}", code="login_taken") from error
    note(session, at=now, actor=actor, action="staff.added", object_type="staff", object_id=staff.public_id, detail={"login": login})
    return staff


def staff_called(session: Session, login: str) -> Staff:
    """Somebody by his login. Raises NotFoundError."""
    staff = session.scalar(select(Staff).where(Staff.login == login.strip().lower()))
    if staff is None:
        raise NotFoundError(f"没有员工 {login} / there is nobody with the login {login}", code="no_staff")
    return staff


@dataclass(frozen=True, slots=True)
class Place:
    """Where a position is held: one of the three, or none for the whole group."""

    store: Store | None = None
    unit: BusinessUnit | None = None
    department: Department | None = None

    @property
    def columns(self) -> dict[str, int | None]:
        """As a position's row names it."""
        named = {"store_id": self.store, "business_unit_id": self.unit, "department_id": self.department}
        return {name: None if place is None else place.id for name, place in named.items()}

    def told(self, role: Role) -> dict[str, str]:
        """As the audit names it."""
        named = {
            "store": self.store.code if self.store else "",
            "unit": self.unit.name if self.unit else "",
            "department": self.department.code if self.department else "",
        }
        return {"role": role, **{name: place for name, place in named.items() if place}}


def give_position(
    session: Session,
    staff: Staff,
    *,
    role: Role,
    store: Store | None = None,
    unit: BusinessUnit | None = None,
    place: Place | None = None,
    actor: str,
    now: datetime,
) -> bool:
    """Give a role at a store, in a unit, at a `place` (which may be a department) or, with none, in the group; False when he has it."""
    place = place or Place(store, unit)
    row = {"staff_id": staff.id, "role": role, "given_at": now, **place.columns}
    made = session.scalar(pg_insert(table_of(Position)).values(row).on_conflict_do_nothing().returning(Position.id))
    if made is not None:
        said = place.told(role)
        note(session, at=now, actor=actor, action="position.given", object_type="staff", object_id=staff.public_id, detail=said)
    return made is not None


def take_position(
    session: Session,
    staff: Staff,
    *,
    role: Role,
    store: Store | None = None,
    unit: BusinessUnit | None = None,
    place: Place | None = None,
    actor: str,
    now: datetime,
) -> None:
    """Take a role away; it counts from the next request on. Raises NotFoundError when he does not have it."""
    place = place or Place(store, unit)
    held = [getattr(Position, name).is_not_distinct_from(value) for name, value in place.columns.items()]
    same = (Position.staff_id == staff.id, Position.role == role, *held)
    if session.scalar(delete(Position).where(*same).returning(Position.id)) is None:
        raise NotFoundError(f"{staff.login} 没有这个职位 / {staff.login} has no such position", code="no_position")
    said = place.told(role)
    note(session, at=now, actor=actor, action="position.taken", object_type="staff", object_id=staff.public_id, detail=said)


def set_password(session: Session, staff: Staff, password: str, *, actor: str, now: datetime) -> None:
    """A new password; every log-in ends."""
    staff.password_hash = hash_password(password)
    end_sessions(session, staff, now=now)
    note(session, at=now, actor=actor, action="staff.password_set", object_type="staff", object_id=staff.public_id, detail={})


def set_totp(session: Session, ring: KeyRing, staff: Staff, *, on: bool, actor: str, now: datetime) -> str | None:
    """Ask for a time-based code from now on and return its secret, or ask no more."""
    secret = new_totp_secret() if on else None
    staff.totp_sealed = None if secret is None else ring.seal(secret, table="staff", column="totp_sealed", row=staff.public_id)
    staff.totp_step = 0
    note(session, at=now, actor=actor, action="staff.totp_set", object_type="staff", object_id=staff.public_id, detail={"on": on})
    return secret


def revoke_staff(session: Session, staff: Staff, *, actor: str, now: datetime) -> None:
    """Somebody leaves: no log-in of his is good any more. Raises ConflictError when he has left already."""
    left = update(Staff).where(Staff.id == staff.id, Staff.active).values(active=False, wechat_digest=None, wechat_bound_at=None)
    if session.scalar(left.returning(Staff.id)) is None:
        raise ConflictError(f"{staff.login} 已停用 / {staff.login} is cut off already", code="revoked")
    end_sessions(session, staff, now=now)
    note(session, at=now, actor=actor, action="staff.revoked", object_type="staff", object_id=staff.public_id, detail={})


def offer_pairing(
    session: Session, store: Store, *, name: str, department: Department | None = None, actor: str, now: datetime
) -> tuple[str, Device]:
    """A code that pairs one device with a store, or with a department of it, within fifteen minutes."""
    check_name(name)
    code = new_pair_code()
    device = Device(store_id=store.id, name=name, pair_hash=token_hash(plain_code(code)), pair_until=now + PAIR_LIFE, created_at=now)
    device.department_id = None if department is None else department.id
    session.add(device)
    session.flush()
    detail = {"store": store.code, **({} if department is None else {"department": department.code})}
    note(session, at=now, actor=actor, action="device.offered", object_type="device", object_id=device.public_id, detail=detail)
    return code, device


def revoke_device(session: Session, device: Device, *, actor: str, now: datetime) -> None:
    """Cut a device off: its next request is refused. Raises ConflictError when it is cut off already."""
    cut = (
        update(Device)
        .where(Device.id == device.id, Device.revoked_at.is_(None))
        .values(revoked_at=now, pair_hash=None)
        .returning(Device.id)
    )
    if session.scalar(cut) is None:
        raise ConflictError("该设备已停用 / the device is cut off already", code="revoked")
    note(session, at=now, actor=actor, action="device.revoked", object_type="device", object_id=device.public_id, detail={})


def end_sessions(session: Session, staff: Staff, *, now: datetime) -> None:
    """Every log-in of somebody ends."""
    session.execute(update(StaffSession).where(StaffSession.staff_id == staff.id, StaffSession.ended_at.is_(None)).values(ended_at=now))


def check_name(name: str) -> None:
    """Raises BadRequestError unless a name has 1 to 32 signs."""
    if not 1 <= len(name.strip()) <= 32 or not name.isprintable():
        raise BadRequestError("名称为 1 到 32 个字 / a name has 1 to 32 signs", code="bad_name")
