"""Staff who show who they are with WeChat: a code asked for at a device, claimed once by the browser that asked, and what it is worth."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import BadRequestError, ConflictError, ForbiddenError
from app.core.gate import Right, demand, rights_at, roles_at, staff_under
from app.core.house import House
from app.core.logins import (
    MOST_PER_LOGIN,
    MOST_PER_LOGIN_ANYWHERE,
    WINDOW,
    NotLoggedInError,
    Presence,
    check_totp,
    find_device,
    let_in,
)
from app.core.passwords import new_token, password_fits, token_hash
from app.core.people import Device, ScanPurpose, Staff, StaffScan
from app.core.staffing import end_sessions
from app.core.tries import count_try, forget_tries
from app.core.unit import work

LIFE = timedelta(minutes=5)
"""As long as WeChat shows its code; the second proof has the same time again."""
MOST_ASKED = 40
"""Codes one device may ask for in `WINDOW`, and as many may come back."""
_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A scan that was asked for: the word WeChat has to bring back, and the browser's own, which WeChat never sees."""

    state: str
    browser: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A scan whose word came back to the browser that asked."""

    id: int
    purpose: ScanPurpose


@dataclass(frozen=True, slots=True)
class Owed:
    """Somebody is known by his scan and owes a second proof: `totp` or `password`."""

    needs: str
    name: str


def digest_of(appid: str, openid: str) -> str:
    """What is kept of somebody's openid at the website application."""
    return hashlib.sha256(f"{appid}:{openid}".encode()).hexdigest()


def ask_log_in(house: House, *, device_token: str) -> Asked:
    """A code by which somebody may log in at this device. Raises NotPairedError, TooManyError."""
    now = house.clock.now()
    with work(house.engine) as session:
        device, _ = find_device(session, device_token)
    count_try(house.engine, f"scan-ask:{device.id}", most=MOST_ASKED, window=WINDOW, now=now)
    with work(house.engine) as session:
        return _ask(session, StaffScan(device_id=device.id, purpose=ScanPurpose.LOG_IN), now=now)


def ask_binding(session: Session, presence: Presence, staff: Staff, *, now: datetime) -> Asked:
    """A code with which `staff`, who stands beside whoever is logged in, shows his WeChat. The caller came to him through the gate."""
    scan = StaffScan(device_id=presence.device.id, purpose=ScanPurpose.BIND, staff_id=staff.id, by_session_id=presence.session_id)
    return _ask(session, scan, now=now)


def claim_scan(house: House, *, device_token: str, state: str, browser: str) -> Claimed:
    """Take back the word WeChat brought, once, in the browser and at the device that asked; committed before anything else is tried.

    Raises NotPairedError, TooManyError, ForbiddenError (`stale_scan`).
    """
    now = house.clock.now()
    with work(house.engine) as session:
        device, _ = find_device(session, device_token)
    count_try(house.engine, f"scan-back:{device.id}", most=MOST_ASKED, window=WINDOW, now=now)
    with work(house.engine) as session:
        own = (StaffScan.state_hash == token_hash(state), StaffScan.browser_hash == token_hash(browser), StaffScan.device_id == device.id)
        claim = update(StaffScan).where(*own, StaffScan.claimed_at.is_(None), StaffScan.expires_at > now)
        row = session.execute(claim.values(claimed_at=now).returning(StaffScan.id, StaffScan.purpose)).one_or_none()
    if row is None:
        raise ForbiddenError("这次扫码已失效，请重新扫码 / this scan is over; scan again", code="stale_scan")
    return Claimed(row.id, ScanPurpose(row.purpose))


def log_in_by_scan(house: House, claimed: Claimed, *, device_token: str, digest: str) -> tuple[str, Presence] | Owed:
    """Let in whoever scanned, or say what he still owes. An unbound WeChat and somebody without a position here are told the same.

    Raises ForbiddenError (`not_bound`).
    """
    now = house.clock.now()
    with work(house.engine) as session:
        device, store = find_device(session, device_token)
        staff = session.scalar(select(Staff).where(Staff.wechat_digest == digest, Staff.active))
        roles = frozenset() if staff is None else roles_at(session, staff, store, department_id=device.department_id)
        if staff is None or not roles:
            raise ForbiddenError(
                "这个微信没有绑定本店员工，请店长为你绑定，或用密码登录 / this WeChat is bound to nobody who works here; ask the manager",
                code="not_bound",
            )
        if {str(role) for role in roles} <= set(house.settings.scan_whole_for):
            _use(session, claimed.id, now=now)
            return let_in(session, staff, device=device, store=store, how="scan", now=now)
        held = session.get_one(StaffScan, claimed.id)
        held.staff_id, held.expires_at = staff.id, now + LIFE
        return Owed("password" if staff.totp_sealed is None else "totp", staff.name)


def complete_scan(house: House, *, device_token: str, browser: str, totp: str, password: str) -> tuple[str, Presence]:
    """The second proof of somebody whose scan is not the whole log-in. Raises ForbiddenError, TooManyError, NotPairedError."""
    now = house.clock.now()
    with work(house.engine) as session:
        device, _ = find_device(session, device_token)
        staff = _waiting(session, device, browser, now=now)[1]
    # The same limits as a log-in by password: a scan opens no second door for guesses.
    here, anywhere = f"login:{device.id}:{staff.login}", f"login:{staff.login}"
    count_try(house.engine, here, most=MOST_PER_LOGIN, window=WINDOW, now=now)
    count_try(house.engine, anywhere, most=MOST_PER_LOGIN_ANYWHERE, window=WINDOW, now=now)
    with work(house.engine) as session:
        device, store = find_device(session, device_token)
        scan, staff = _waiting(session, device, browser, now=now)
        how = "scan+typed" if staff.totp_sealed is None else "scan+totp"
        if staff.totp_sealed is not None:
            check_totp(session, house, staff, totp, now=now)
        elif not password_fits(password, staff.password_hash):
            raise ForbiddenError("密码不正确 / the password is wrong", code="bad_login")
        if not rights_at(session, staff, store, department_id=device.department_id):
            raise ForbiddenError("你已不在本店任职 / you have no position here any more", code="bad_login")
        _use(session, scan.id, now=now)
        forget_tries(session, here)
        forget_tries(session, anywhere)
        return let_in(session, staff, device=device, store=store, how=how, now=now)


def bind_by_scan(session: Session, claimed: Claimed, presence: Presence, *, digest: str, now: datetime) -> Staff:
    """Write down that this WeChat is his. The right of who asked is looked at again, at this moment.

    Raises NotLoggedInError for another log-in than the one that asked, ForbiddenError, ConflictError (`wechat_taken`).
    """
    scan = session.get_one(StaffScan, claimed.id)
    if scan.by_session_id != presence.session_id:
        raise NotLoggedInError("请由发起绑定的人完成 / whoever began this has to end it")
    demand(presence.rights, Right.STAFF)
    staff = session.scalar(select(Staff).where(Staff.id == scan.staff_id, Staff.id.in_(staff_under(presence.staff))))
    if staff is None:
        raise ForbiddenError("你不能为这位员工绑定 / this person is not yours to bind", code="no_right")
    _use(session, claimed.id, now=now)
    try:
        with session.begin_nested():
            staff.wechat_digest, staff.wechat_bound_at = digest, now
            session.flush()
    except IntegrityError as error:
        raise ConflictError("这个微信已绑定另一位员工 / this WeChat is bound to somebody else", code="wechat_taken") from error
    detail = {"store": presence.store.code}
    note(
        session,
        at=now,
        actor=presence.staff.login,
        action="staff.wechat_bound",
        object_type="staff",
        object_id=staff.public_id,
        detail=detail,
    )
    return staff


def unbind(session: Session, staff: Staff, *, actor: str, now: datetime) -> None:
    """His WeChat opens nothing any more, and every log-in of his ends. Raises ConflictError when none was bound."""
    gone = update(Staff).where(Staff.id == staff.id, Staff.wechat_digest.is_not(None)).values(wechat_digest=None, wechat_bound_at=None)
    if session.scalar(gone.returning(Staff.id)) is None:
        raise ConflictError(f"{staff.login} 没有绑定微信 / {staff.login} has no WeChat bound", code="not_bound")
    end_sessions(session, staff, now=now)
    note(session, at=now, actor=actor, action="staff.wechat_unbound", object_type="staff", object_id=staff.public_id, detail={})


def _ask(session: Session, scan: StaffScan, *, now: datetime) -> Asked:
    session.execute(delete(StaffScan).where(StaffScan.expires_at < now - _KEPT))
    asked = Asked(new_token(), new_token())
    scan.state_hash, scan.browser_hash = token_hash(asked.state), token_hash(asked.browser)
    scan.created_at, scan.expires_at = now, now + LIFE
    session.add(scan)
    session.flush()
    return asked


def _waiting(session: Session, device: Device, browser: str, *, now: datetime) -> tuple[StaffScan, Staff]:
    """The scan of this browser that waits for a second proof, and whose it is."""
    waits = (StaffScan.claimed_at.is_not(None), StaffScan.used_at.is_(None), StaffScan.expires_at > now)
    own = (StaffScan.browser_hash == token_hash(browser), StaffScan.device_id == device.id, StaffScan.purpose == ScanPurpose.LOG_IN)
    query = select(StaffScan, Staff).join(Staff, Staff.id == StaffScan.staff_id).where(*own, *waits, Staff.active)
    row = session.execute(query).one_or_none()
    if not browser or row is None:
        raise ForbiddenError("这次扫码已失效，请重新扫码 / this scan is over; scan again", code="stale_scan")
    return row[0], row[1]


def _use(session: Session, scan_id: int, *, now: datetime) -> None:
    """Guarded, so that one scan does not open two log-ins that arrive together."""
    used = update(StaffScan).where(StaffScan.id == scan_id, StaffScan.claimed_at.is_not(None), StaffScan.used_at.is_(None))
    if session.scalar(used.values(used_at=now).returning(StaffScan.id)) is None:
        raise ForbiddenError("这次扫码已用过，请重新扫码 / this scan was used; scan again", code="stale_scan")


def check_words(state: str, code: str) -> None:
    """Raises BadRequestError when WeChat brought nothing back: the person closed its page, or said no."""
    if not state or not code:
        raise BadRequestError("没有在微信里确认登录，请重新扫码 / the log-in was not confirmed in WeChat; scan again", code="no_code")
