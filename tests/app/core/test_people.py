"""Pairing, logging in, lockout by guarded rows, and what ends a log-in: on real connections."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core import passwords, staffing
from app.core.errors import ConflictError, FankaError, ForbiddenError, NotFoundError
from app.core.logins import (
    MOST_PER_LOGIN,
    SESSION_LIFE,
    WINDOW,
    NotLoggedInError,
    NotPairedError,
    find_presence,
    log_in,
    log_out,
    pair_device,
)
from app.core.nouns import AuditEntry
from app.core.passwords import totp_code
from app.core.people import Device, Role, Shift, Staff, StaffSession
from app.core.tries import TooManyError, count_try, drop_old_tries
from app.core.unit import work

PASSWORD = "a-long-password"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A hash that is quick to make; how slow the real one is, is no matter of these tests."""
    monkeypatch.setattr(passwords, "_COST", 2**4)


@pytest.fixture
def store(house):
    with work(house.engine) as session:
        return staffing.add_store(session, code="NJX", name="南京西路店", unit="海岸百货", actor="test", now=house.clock.now())


@pytest.fixture
def chen(house, store):
    return take_on(house, store, "chen")


@pytest.fixture
def device(house, store):
    return pair_device(house, code=offer(house, store), address="a")[0]


def take_on(house, store, login, role=Role.CLERK):
    now = house.clock.now()
    with work(house.engine) as session:
        staff = staffing.add_staff(session, house.ring, login=login, name=login.title(), password=PASSWORD, actor="test", now=now)
        staffing.give_position(session, staff, role=role, store=store, actor="test", now=now)
        return staff


def offer(house, store):
    with work(house.engine) as session:
        return staffing.offer_pairing(session, store, name="收银台", actor="test", now=house.clock.now())[0]


def enter(house, device, login="chen", password=PASSWORD, totp=""):
    return log_in(house, device_token=device, login=login, password=password, totp=totp, address="a")


def here(house, token, device):
    with work(house.engine) as session:
        return find_presence(session, token=token, device_token=device, now=house.clock.now())


def test_a_clerk_logs_in_at_a_paired_device_and_his_shift_begins(house, chen, device, store):
    token, presence = enter(house, device)
    assert (presence.staff.login, presence.store.code) == ("chen", "NJX")
    again = here(house, token, device)
    assert again.id == presence.id
    assert again.shift.id == presence.shift.id
    _, second = enter(house, device)
    assert second.shift.id == presence.shift.id


def test_neither_token_is_kept(house, chen, device):
    token, _ = enter(house, device)
    with work(house.engine) as session:
        kept = [*session.scalars(select(StaffSession.token_hash)), *session.scalars(select(Device.token_hash))]
    assert token.encode() not in kept
    assert device.encode() not in kept
    assert len(kept) == 2


def test_a_pairing_code_is_good_once_and_for_fifteen_minutes(house, store, clock):
    code = offer(house, store)
    pair_device(house, code=code.lower().replace("-", " "), address="a")
    with pytest.raises(ForbiddenError):
        pair_device(house, code=code, address="a")
    late = offer(house, store)
    clock.advance(timedelta(minutes=15))
    with pytest.raises(ForbiddenError):
        pair_device(house, code=late, address="a")


def test_twenty_devices_with_one_code_are_one(house, store):
    code = offer(house, store)

    def pair(number):
        try:
            return pair_device(house, code=code, address=f"a{number}")
        except ForbiddenError:
            return None

    with ThreadPoolExecutor(8) as pool:
        paired = [found for found in pool.map(pair, range(20)) if found]
    assert len(paired) == 1


def test_parallel_guesses_do_not_slip_through(house, chen, device):
    def guess(number):
        try:
            enter(house, device, password=f"wrong-guess-{number}")
        except FankaError as error:
            return error.code
        return "in"

    with ThreadPoolExecutor(8) as pool:
        heard = list(pool.map(guess, range(16)))
    assert heard.count("bad_login") == MOST_PER_LOGIN
    assert heard.count("too_many_tries") == 16 - MOST_PER_LOGIN
    with pytest.raises(TooManyError):
        enter(house, device)


def test_a_lockout_ends_with_its_window_and_a_success_forgets_it(house, chen, device, clock):
    for _ in range(MOST_PER_LOGIN - 1):
        with pytest.raises(ForbiddenError):
            enter(house, device, password="wrong-guess")
    enter(house, device)
    for _ in range(MOST_PER_LOGIN):
        with pytest.raises(ForbiddenError):
            enter(house, device, password="wrong-guess")
    with pytest.raises(TooManyError) as locked:
        enter(house, device)
    assert 0 < locked.value.retry_after_s <= WINDOW.total_seconds()
    clock.advance(WINDOW)
    assert enter(house, device)


def test_unknown_wrong_and_foreign_are_told_the_same(house, chen, device, store):
    with work(house.engine) as session:
        other = staffing.add_store(session, code="PD", name="浦东店", unit="海岸百货", actor="test", now=house.clock.now())
    take_on(house, other, "zhao")
    heard = set()
    for login, password in (("nobody", PASSWORD), ("chen", "wrong-guess"), ("zhao", PASSWORD)):
        with pytest.raises(ForbiddenError) as refused:
            enter(house, device, login=login, password=password)
        heard.add((refused.value.code, refused.value.detail))
    assert len(heard) == 1


def test_a_time_based_code_is_asked_for_and_opens_once(house, chen, device, clock):
    with work(house.engine) as session:
        secret = staffing.set_totp(session, house.ring, session.get_one(Staff, chen.id), on=True, actor="test", now=clock.now())
    code = totp_code(secret, int(clock.now().timestamp()) // 30)
    with pytest.raises(ForbiddenError) as asked:
        enter(house, device)
    assert asked.value.code == "totp_needed"
    with pytest.raises(ForbiddenError) as wrong:
        enter(house, device, totp="000000" if code != "000000" else "000001")
    assert wrong.value.code == "bad_totp"
    assert enter(house, device, totp=code)
    with pytest.raises(ForbiddenError) as again:
        enter(house, device, totp=code)
    assert again.value.code == "bad_totp"


def test_a_log_in_ends_by_itself_by_leaving_and_by_being_cut_off(house, chen, device, clock, store):
    first, presence = enter(house, device)
    with work(house.engine) as session:
        log_out(session, presence, now=clock.now())
    with pytest.raises(NotLoggedInError):
        here(house, first, device)
    second, _ = enter(house, device)
    with work(house.engine) as session:
        staffing.take_position(session, chen, role=Role.CLERK, store=store, actor="test", now=clock.now())
    with pytest.raises(NotLoggedInError):
        here(house, second, device)
    with work(house.engine) as session:
        staffing.give_position(session, chen, role=Role.CLERK, store=store, actor="test", now=clock.now())
    assert here(house, second, device)
    with work(house.engine) as session:
        staffing.revoke_staff(session, chen, actor="test", now=clock.now())
    with pytest.raises(NotLoggedInError):
        here(house, second, device)
    with work(house.engine) as session, pytest.raises(ConflictError):
        staffing.revoke_staff(session, chen, actor="test", now=clock.now())


def test_a_log_in_lasts_a_shift_and_stays_at_its_device(house, chen, device, clock, store):
    token, _ = enter(house, device)
    other = pair_device(house, code=offer(house, store), address="a")[0]
    with pytest.raises(NotLoggedInError):
        here(house, token, other)
    clock.advance(SESSION_LIFE)
    with pytest.raises(NotLoggedInError):
        here(house, token, device)


def test_a_device_that_is_cut_off_opens_nothing(house, chen, device, clock):
    token, presence = enter(house, device)
    with work(house.engine) as session:
        staffing.revoke_device(session, presence.device, actor="test", now=clock.now())
    with pytest.raises(NotPairedError):
        here(house, token, device)
    with pytest.raises(NotPairedError):
        enter(house, device)


def test_every_change_is_in_the_audit_and_says_nothing_secret(house, chen, device, store, clock):
    with work(house.engine) as session:
        staffing.set_password(session, session.get_one(Staff, chen.id), "another-password", actor="Mei", now=clock.now())
    enter(house, device, password="another-password")
    with work(house.engine) as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    told = [entry.action for entry in entries]
    for action in (
        "store.added",
        "staff.added",
        "position.given",
        "device.offered",
        "device.paired",
        "staff.password_set",
        "staff.logged_in",
    ):
        assert action in told
    assert "password" not in "".join(str(entry.detail) for entry in entries)


def test_two_with_one_login_and_a_position_nobody_has(house, chen, store, clock):
    with work(house.engine) as session, pytest.raises(ConflictError):
        staffing.add_staff(session, house.ring, login="CHEN", name="陈", password=PASSWORD, actor="test", now=clock.now())
    with work(house.engine) as session, pytest.raises(NotFoundError):
        staffing.take_position(session, chen, role=Role.ADMIN, actor="test", now=clock.now())
    with work(house.engine) as session:
        assert not staffing.give_position(session, chen, role=Role.CLERK, store=store, actor="test", now=clock.now())


def test_old_windows_are_dropped(house, clock):
    count_try(house.engine, "k", most=1, window=WINDOW, now=clock.now())
    with work(house.engine) as session:
        assert drop_old_tries(session, now=clock.now()) == 0
        assert drop_old_tries(session, now=clock.now() + WINDOW) == 1


def test_one_open_shift_per_person_and_store(house, chen, device):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: enter(house, device), range(4)))
    with work(house.engine) as session:
        assert len(session.scalars(select(Shift)).all()) == 1
