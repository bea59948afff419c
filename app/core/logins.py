"""Devices are paired, staff log in at them, and every request asks again whether both still may."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import FankaError, ForbiddenError
from app.core.gate import Right, rights_at
from app.core.house import House
from app.core.ids import new_public_id
from app.core.nouns import Store
from app.core.passwords import NOBODY, new_token, password_fits, token_hash, totp_step
from app.core.people import Department, Device, Shift, Staff, StaffSession
from app.core.tries import count_try, forget_tries
from app.core.unit import work

WINDOW = timedelta(minutes=15)
MOST_PER_LOGIN, MOST_PER_LOGIN_ANYWHERE, MOST_PER_ADDRESS = 5, 20, 60
SESSION_LIFE = timedelta(hours=14)
"""A long shift; the next day begins with a log-in."""
SEEN_STEP = timedelta(minutes=1)


class NotLoggedInError(FankaError):
    """Nobody is logged in here, or not any more."""

    status = 401
    code = "not_logged_in"


class NotPairedError(FankaError):
    """This device belongs to no store, or was cut off."""

    status = 401
    code = "not_paired"


@dataclass(frozen=True, slots=True)
class Presence:
    """Who stands where: the person, the device, its store and what he may do there. `id` is the log-in's public id.

    `department` is the part of the store the device stands in, None where it serves the whole store.
    """

    id: UUID
    session_id: int
    staff: Staff
    device: Device
    store: Store
    rights: frozenset[Right]
    shift: Shift
    department: Department | None = None


def pair_device(house: House, *, code: str, address: str) -> tuple[str, Device]:
    """Use a pairing code; returns the device's token, which nobody can read again. Raises ForbiddenError, TooManyError."""
    now = house.clock.now()
    count_try(house.engine, f"pair:{address}", most=10, window=WINDOW, now=now)
    token = new_token()
    with work(house.engine) as session:
        claim = update(Device).where(Device.pair_hash == token_hash(plain_code(code)), Device.pair_until > now, Device.revoked_at.is_(None))
        paired = session.scalar(claim.values(pair_hash=None, paired_at=now, token_hash=token_hash(token)).returning(Device))
        if paired is None:
            raise ForbiddenError(
                "配对码不正确或已过期，请店长重新生成 / the pairing code is wrong or too old; ask for a new one", code="bad_pair_code"
            )
        note(session, at=now, actor="device", action="device.paired", object_type="device", object_id=paired.public_id, detail={})
        return token, paired


def plain_code(code: str) -> str:
    """A pairing code as it is hashed: capitals without spaces and strokes."""
    return "".join(sign for sign in code.upper() if sign.isalnum())


def find_device(session: Session, token: str) -> tuple[Device, Store]:
    """The device of a token and its store. Raises NotPairedError when there is none or it was cut off."""
    query = select(Device, Store).join(Store, Store.id == Device.store_id)
    row = session.execute(query.where(Device.token_hash == token_hash(token), Device.revoked_at.is_(None))).one_or_none()
    if not token or row is None:
        raise NotPairedError("本设备尚未与门店配对，或已被停用 / this device is not paired with a store, or was cut off")
    return row[0], row[1]


def log_in(house: House, *, device_token: str, login: str, password: str, totp: str, address: str) -> tuple[str, Presence]:
    """Log somebody in at a paired device; returns the session's token.

    A wrong password, an unknown login and somebody without a position at this store are told the same. Raises NotPairedError, TooManyError,
    ForbiddenError (`bad_login`, or `totp_needed` when the password was right and a code is wanted).
    """
    now, login = house.clock.now(), login.strip().lower()[:32]
    count_try(house.engine, f"login-address:{address}", most=MOST_PER_ADDRESS, window=WINDOW, now=now)
    with work(house.engine) as session:
        device, _ = find_device(session, device_token)
    here, anywhere = f"login:{device.id}:{login}", f"login:{login}"
    count_try(house.engine, here, most=MOST_PER_LOGIN, window=WINDOW, now=now)
    count_try(house.engine, anywhere, most=MOST_PER_LOGIN_ANYWHERE, window=WINDOW, now=now)
    with work(house.engine) as session:
        device, store = find_device(session, device_token)
        staff = session.scalar(select(Staff).where(Staff.login == login))
        fits = password_fits(password, NOBODY if staff is None else staff.password_hash)
        rights = frozenset() if staff is None else rights_at(session, staff, store, department_id=device.department_id)
        if staff is None or not fits or not rights:
            raise ForbiddenError("工号或密码不正确，或不在本店任职 / wrong login or password, or no position here", code="bad_login")
        check_totp(session, house, staff, totp, now=now)
        forget_tries(session, here)
        forget_tries(session, anywhere)
        return let_in(session, staff, device=device, store=store, how="typed", now=now)


def let_in(session: Session, staff: Staff, *, device: Device, store: Store, how: str, now: datetime) -> tuple[str, Presence]:
    """Open the log-in of somebody who proved who he is, at a device of a store; returns the session's token."""
    token = new_token()
    held = StaffSession(staff_id=staff.id, device_id=device.id, token_hash=token_hash(token), created_at=now, expires_at=now + SESSION_LIFE)
    session.add(held)
    session.flush()
    shift = open_shift(session, staff=staff, store=store, now=now)
    detail = {"device": str(device.public_id), "store": store.code, "how": how}
    note(session, at=now, actor=staff.login, action="staff.logged_in", object_type="staff", object_id=staff.public_id, detail=detail)
    return token, _presence(session, held, staff=staff, device=device, store=store, shift=shift)


def find_presence(session: Session, *, token: str, device_token: str, now: datetime) -> Presence:
    """Who a session's token belongs to, at the device it was made at. Raises NotPairedError, NotLoggedInError."""
    device, store = find_device(session, device_token)
    query = select(StaffSession, Staff).join(Staff, Staff.id == StaffSession.staff_id)
    live = (StaffSession.ended_at.is_(None), StaffSession.expires_at > now, StaffSession.device_id == device.id, Staff.active)
    row = session.execute(query.where(StaffSession.token_hash == token_hash(token), *live)).one_or_none() if token else None
    if row is None or not rights_at(session, row[1], store, department_id=device.department_id):
        raise NotLoggedInError("请先登录 / log in first")
    _seen(session, device, now=now)
    shift = open_shift(session, staff=row[1], store=store, now=now)
    return _presence(session, row[0], staff=row[1], device=device, store=store, shift=shift)


def _presence(session: Session, held: StaffSession, *, staff: Staff, device: Device, store: Store, shift: Shift) -> Presence:
    department = None if device.department_id is None else session.get_one(Department, device.department_id)
    rights = rights_at(session, staff, store, department_id=device.department_id)
    return Presence(held.public_id, held.id, staff, device, store, rights, shift, department)


def _seen(session: Session, device: Device, *, now: datetime) -> None:
    """Write down that a device asked for something: once a minute, so that a busy counter does not write with every question."""
    if device.seen_at is None or device.seen_at < now - SEEN_STEP:
        stale = or_(Device.seen_at.is_(None), Device.seen_at < now - SEEN_STEP)
        session.execute(update(Device).where(Device.id == device.id, stale).values(seen_at=now))


def log_out(session: Session, presence: Presence, *, now: datetime) -> None:
    """End a log-in; the shift stays open until it is handed over."""
    session.execute(
        update(StaffSession).where(StaffSession.id == presence.session_id, StaffSession.ended_at.is_(None)).values(ended_at=now)
    )


def open_shift(session: Session, *, staff: Staff, store: Store, now: datetime) -> Shift:
    """The open shift of somebody at a store, begun now when there is none."""
    query = select(Shift).where(Shift.staff_id == staff.id, Shift.store_id == store.id, Shift.closed_at.is_(None))
    held = session.scalar(query)
    if held is not None:
        return held
    row = {"public_id": new_public_id(), "staff_id": staff.id, "store_id": store.id, "opened_at": now, "totals": {}}
    session.execute(pg_insert(table_of(Shift)).values(row).on_conflict_do_nothing())
    return session.scalars(query).one()


def check_totp(session: Session, house: House, staff: Staff, code: str, *, now: datetime) -> None:
    """The time-based code of somebody who has one; nothing for who has none. Raises ForbiddenError (`totp_needed`, `bad_totp`)."""
    if staff.totp_sealed is None:
        return
    if not code:
        raise ForbiddenError("请输入动态口令 / the code of your authenticator is needed", code="totp_needed")
    secret = house.ring.open(staff.totp_sealed, table="staff", column="totp_sealed", row=staff.public_id)
    step = totp_step(secret, code.strip(), now=now, after=staff.totp_step)
    # Guarded, so that one code does not open two sessions that arrive together.
    newer = update(Staff).where(Staff.id == staff.id, Staff.totp_step < (step or 0)).values(totp_step=step).returning(Staff.id)
    if step is None or session.scalar(newer) is None:
        raise ForbiddenError("动态口令不正确或已用过，请等下一个 / the code is wrong or was used; wait for the next", code="bad_totp")
