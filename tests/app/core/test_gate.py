"""The gate: what a person may not see does not exist, and to see is not to contact; Mei, Chen, Lin and Zhao at two stores."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.core import passwords, staffing
from app.core.errors import ForbiddenError, NotFoundError
from app.core.gate import (
    RIGHTS,
    SIGHT,
    Right,
    access_customer,
    access_device,
    access_store,
    contact,
    grant_sight,
    is_own,
    mask_name,
    mask_phone,
    rights_at,
    stores_of,
)
from app.core.nouns import BusinessUnit, Customer
from app.core.people import Position, Role, Staff
from app.core.unit import work
from cards.phones import know_phone
from tests.support.cast import CHEN, LIN


@pytest.fixture
def scene(house, monkeypatch):
    monkeypatch.setattr(passwords, "_COST", 2**4)
    now = house.clock.now()
    with work(house.engine) as session:
        here = staffing.add_store(session, code="A", name="南京西路店", unit="百货", actor="t", now=now)
        there = staffing.add_store(session, code="B", name="浦东店", unit="超市", actor="t", now=now)
        people = {}
        for login in ("chen", "mei", "zhao"):
            people[login] = staffing.add_staff(
                session,
                house.ring,
                login=login,
                name=login,
                password="a-long-password",
                phone=CHEN.phone if login == "chen" else None,
                actor="t",
                now=now,
            )
        staffing.give_position(session, people["chen"], role=Role.CLERK, store=here, actor="t", now=now)
        staffing.give_position(session, people["mei"], role=Role.MARKETER, actor="t", now=now)
        staffing.give_position(session, people["zhao"], role=Role.MANAGER, store=there, actor="t", now=now)
        lin = Customer(created_at=now)
        session.add(lin)
        session.flush()
        lin.name_sealed = house.ring.seal("林小海", table="customer", column="name_sealed", row=lin.public_id)
        know_phone(session, house.ring, customer=lin, phone=LIN.phone, actor="t", now=now)
        _, device = staffing.offer_pairing(session, there, name="收银台", actor="t", now=now)
    return type("Scene", (), {"here": here, "there": there, "lin": lin, "device": device, **people})


def test_a_store_he_does_not_work_in_does_not_exist(house, scene):
    with work(house.engine) as session:
        assert access_store(session, scene.chen, scene.here.public_id).id == scene.here.id
        for unseen in (scene.there.public_id, uuid4()):
            with pytest.raises(NotFoundError) as hidden:
                access_store(session, scene.chen, unseen)
            assert hidden.value.code == "no_store"


def test_what_he_sees_and_may_not_do_says_whom_to_ask(house, scene):
    with work(house.engine) as session:
        access_store(session, scene.chen, scene.here.public_id, right=Right.REDEEM)
        with pytest.raises(ForbiddenError) as refused:
            access_store(session, scene.chen, scene.here.public_id, right=Right.UNDO_OTHERS)
        assert "主管" in refused.value.detail


def test_a_position_reaches_its_store_its_unit_or_the_group(house, scene):
    with work(house.engine) as session:
        unit = session.get_one(BusinessUnit, scene.there.business_unit_id)
        assert rights_at(session, scene.chen, scene.there) == frozenset()
        staffing.give_position(session, scene.chen, role=Role.CLERK, unit=unit, actor="t", now=house.clock.now())
        assert rights_at(session, scene.chen, scene.there) == RIGHTS[Role.CLERK]
        assert rights_at(session, scene.mei, scene.here) == RIGHTS[Role.MARKETER]
        assert set(session.scalars(stores_of(scene.mei))) == {scene.here.id, scene.there.id}
        assert set(session.scalars(stores_of(scene.zhao, right=Right.STAFF))) == {scene.there.id}
        assert session.scalars(stores_of(scene.mei, right=Right.REDEEM)).all() == []


def test_who_left_sees_nothing(house, scene):
    with work(house.engine) as session:
        staffing.revoke_staff(session, scene.chen, actor="t", now=house.clock.now())
        left = session.scalars(select(Staff).where(Staff.id == scene.chen.id).execution_options(populate_existing=True)).one()
        assert rights_at(session, left, scene.here) == frozenset()
        assert session.scalars(stores_of(left)).all() == []


def test_a_clerk_sees_a_customer_who_showed_himself_for_ten_minutes(house, scene, clock):
    viewer, lin = uuid4(), scene.lin.public_id
    sight = grant_sight(house.ring, viewer=viewer, customer=lin, now=clock.now())

    def look(who, *, public_id=lin, viewer=viewer, sight=sight, later=timedelta(0)):
        with work(house.engine) as session:
            return access_customer(session, house.ring, who, public_id, viewer=viewer, sight=sight, now=clock.now() + later)

    seen = look(scene.chen)
    assert (seen.name, seen.phone) == ("林*", "138****0003")
    until, _, seal = sight.partition(".")
    for wrong in (
        {"later": SIGHT + timedelta(seconds=1)},
        {"viewer": uuid4()},
        {"public_id": uuid4()},
        {"sight": ""},
        {"sight": f"{int(until) + 60}.{seal}"},
        {"sight": f"{until}.é"},
    ):
        with pytest.raises(NotFoundError):
            look(scene.chen, **wrong)
    assert look(scene.mei, viewer=None, sight="").id == scene.lin.id
    with pytest.raises(NotFoundError):
        look(scene.zhao, viewer=None, sight="")


def test_to_see_is_not_to_contact(house, scene, clock):
    viewer = uuid4()
    sight = grant_sight(house.ring, viewer=viewer, customer=scene.lin.public_id, now=clock.now())
    with work(house.engine) as session:
        seen = access_customer(session, house.ring, scene.chen, scene.lin.public_id, viewer=viewer, sight=sight, now=clock.now())
        with pytest.raises(ForbiddenError) as refused:
            contact(session, house.ring, scene.chen, seen)
        assert refused.value.code == "no_contact"
        assert contact(session, house.ring, scene.mei, seen) == LIN.phone


def test_a_device_belongs_to_who_looks_after_its_store(house, scene):
    with work(house.engine) as session:
        assert access_device(session, scene.zhao, scene.device.public_id).id == scene.device.id
        for stranger in (scene.chen, scene.mei):
            with pytest.raises(NotFoundError):
                access_device(session, stranger, scene.device.public_id)


def test_a_clerk_is_known_to_be_his_own_customer(house, scene, clock):
    with work(house.engine) as session:
        own = Customer(created_at=clock.now())
        session.add(own)
        session.flush()
        know_phone(session, house.ring, customer=own, phone=CHEN.phone, actor="t", now=clock.now())
        assert is_own(session, scene.chen.id, own.id)
        assert not is_own(session, scene.chen.id, scene.lin.id)
        assert not is_own(session, scene.mei.id, own.id)


def test_every_role_has_its_rights_and_admin_all():
    assert set(RIGHTS) == set(Role)
    assert RIGHTS[Role.ADMIN] == frozenset(Right)
    assert Right.REDEEM not in RIGHTS[Role.MARKETER] | RIGHTS[Role.FINANCE]
    assert Right.UNDO_OTHERS not in RIGHTS[Role.CLERK]


@pytest.mark.parametrize(("plain", "masked"), [("林小海", "林*"), ("", ""), ("Lin", "L*")])
def test_a_name_is_masked(plain, masked):
    assert mask_name(plain) == masked


@pytest.mark.parametrize(("plain", "masked"), [("13800000003", "138****0003"), ("", ""), ("12345", "****")])
def test_a_phone_is_masked(plain, masked):
    assert mask_phone(plain) == masked


def test_one_position_counts_once(house, scene):
    with work(house.engine) as session:
        row = Position(staff_id=scene.chen.id, role=Role.CLERK, store_id=scene.here.id, given_at=house.clock.now())
        assert not staffing.give_position(session, scene.chen, role=row.role, store=scene.here, actor="t", now=house.clock.now())
