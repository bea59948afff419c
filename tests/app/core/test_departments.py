"""Business unit > store > department: what a position in a department reaches, and what moves when a department moves."""

from datetime import timedelta
from uuid import uuid4

import pytest

from app.core import passwords, staffing
from app.core.departments import add_department, move_department, move_store, place_called, stand_in
from app.core.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from app.core.gate import (
    RIGHTS,
    Right,
    access_customer,
    access_department,
    access_device,
    access_staff,
    access_store,
    contact,
    departments_of,
    devices_of,
    grant_sight,
    rights_at,
    stores_of,
)
from app.core.logins import NotLoggedInError, find_presence, log_in, pair_device
from app.core.nouns import BusinessUnit, Customer, Store
from app.core.people import Department, Role, Staff
from app.core.staffing import Place
from app.core.terminals import terminals
from app.core.unit import work

PASSWORD = "a-long-password"


class Scene:
    """海岸百货 with 南京西路店 (鞋履部, 女装部) and 浦东店; Chen is a clerk of the shoes, Wang their manager, Li the store's."""

    def __init__(self, house):
        self.house, now = house, house.clock.now()
        self.common = {"actor": "t", "now": now}
        with work(house.engine) as session:
            self.here = staffing.add_store(session, code="A", name="南京西路店", unit="海岸百货", **self.common)
            self.there = staffing.add_store(session, code="B", name="浦东店", unit="海岸百货", **self.common)
            self.shoes = add_department(session, self.here, code="SHOES", name="鞋履部", **self.common)
            self.dresses = add_department(session, self.here, code="DRESS", name="女装部", **self.common)
            places = {
                "chen": (Role.CLERK, Place(department=self.shoes)),
                "wang": (Role.MANAGER, Place(department=self.shoes)),
                "li": (Role.MANAGER, Place(store=self.here)),
                "mei": (Role.ADMIN, Place()),
            }
            for login, (role, place) in places.items():
                made = staffing.add_staff(session, house.ring, login=login, name=login, password=PASSWORD, **self.common)
                staffing.give_position(session, made, role=role, place=place, **self.common)
                setattr(self, login, made)
            self.devices = {
                name: staffing.offer_pairing(session, self.here, name=name, department=part, **self.common)
                for name, part in (("shoes", self.shoes), ("dresses", self.dresses), ("whole", None))
            }

    def token(self, name):
        return pair_device(self.house, code=self.devices[name][0], address="t")[0]


@pytest.fixture
def scene(house, monkeypatch):
    monkeypatch.setattr(passwords, "_COST", 2**4)
    return Scene(house)


def test_a_position_in_a_department_reaches_no_further(house, scene):
    with work(house.engine) as session:
        shoes, dresses = scene.shoes.id, scene.dresses.id
        assert rights_at(session, scene.chen, scene.here, department_id=shoes) == RIGHTS[Role.CLERK]
        assert rights_at(session, scene.chen, scene.here) == frozenset()
        assert rights_at(session, scene.chen, scene.here, department_id=dresses) == frozenset()
        assert rights_at(session, scene.li, scene.here, department_id=dresses) == RIGHTS[Role.MANAGER]
        assert session.scalars(stores_of(scene.chen)).all() == []
        assert session.scalars(departments_of(scene.chen)).all() == [shoes]
        assert set(session.scalars(departments_of(scene.li))) == {shoes, dresses}
        assert len(session.scalars(devices_of(scene.chen)).all()) == 1
        assert len(session.scalars(devices_of(scene.li, right=Right.STAFF)).all()) == 3


def test_what_lies_outside_his_department_does_not_exist(house, scene):
    with work(house.engine) as session:
        assert access_department(session, scene.chen, scene.shoes.public_id).code == "SHOES"
        for hidden in (scene.dresses.public_id, uuid4()):
            with pytest.raises(NotFoundError) as refused:
                access_department(session, scene.chen, hidden)
            assert refused.value.code == "no_department"
        with pytest.raises(NotFoundError):
            access_store(session, scene.chen, scene.here.public_id)
        with pytest.raises(ForbiddenError):
            access_department(session, scene.chen, scene.shoes.public_id, right=Right.REPORT)
        assert access_device(session, scene.wang, scene.devices["shoes"][1].public_id)
        for other in ("dresses", "whole"):
            with pytest.raises(NotFoundError):
                access_device(session, scene.wang, scene.devices[other][1].public_id)


def test_a_department_is_no_way_to_the_groups_customers(house, scene, clock):
    with work(house.engine) as session:
        lin = Customer(created_at=clock.now())
        session.add(lin)
        session.flush()
        with pytest.raises(NotFoundError):
            access_customer(session, house.ring, scene.wang, lin.public_id, now=clock.now())
        viewer = uuid4()
        sight = grant_sight(house.ring, viewer=viewer, customer=lin.public_id, now=clock.now())
        seen = access_customer(session, house.ring, scene.wang, lin.public_id, viewer=viewer, sight=sight, now=clock.now())
        with pytest.raises(ForbiddenError):
            contact(session, house.ring, scene.wang, seen)


def test_a_clerk_logs_in_at_his_departments_device_alone(house, scene):
    said = {"login": "chen", "password": PASSWORD, "totp": "", "address": "t"}
    _, presence = log_in(house, device_token=scene.token("shoes"), **said)
    assert (presence.department.name, presence.rights) == ("鞋履部", RIGHTS[Role.CLERK])
    for elsewhere in ("dresses", "whole"):
        with pytest.raises(ForbiddenError):
            log_in(house, device_token=scene.token(elsewhere), **said)


def test_who_looks_after_whom(house, scene):
    with work(house.engine) as session:
        for boss in (scene.wang, scene.li, scene.mei):
            assert access_staff(session, boss, scene.chen.public_id).login == "chen"
            assert access_staff(session, boss, boss.public_id).login == boss.login
        for boss, other in ((scene.wang, scene.li), (scene.li, scene.wang), (scene.li, scene.mei), (scene.chen, scene.chen)):
            with pytest.raises(NotFoundError):
                access_staff(session, boss, other.public_id)
        staffing.give_position(session, scene.chen, role=Role.CLERK, store=scene.there, **scene.common)
        with pytest.raises(NotFoundError):
            access_staff(session, scene.li, scene.chen.public_id)
        unit = session.get_one(BusinessUnit, scene.here.business_unit_id)
        above = staffing.add_staff(session, house.ring, login="unit", name="u", password=PASSWORD, **scene.common)
        staffing.give_position(session, above, role=Role.ADMIN, unit=unit, **scene.common)
        assert access_staff(session, above, scene.chen.public_id).login == "chen"
        nobody = staffing.add_staff(session, house.ring, login="nobody", name="n", password=PASSWORD, **scene.common)
        with pytest.raises(NotFoundError):
            access_staff(session, scene.mei, nobody.public_id)


def test_a_department_moves_with_its_devices_and_positions(house, scene):
    device_token = scene.token("shoes")
    token, _ = log_in(house, device_token=device_token, login="chen", password=PASSWORD, totp="", address="t")
    with work(house.engine) as session:
        move_department(session, session.get_one(Department, scene.shoes.id), to=scene.there, **scene.common)
    with work(house.engine) as session, pytest.raises(NotLoggedInError):
        find_presence(session, token=token, device_token=device_token, now=house.clock.now())
    _, presence = log_in(house, device_token=device_token, login="chen", password=PASSWORD, totp="", address="t")
    assert (presence.store.code, presence.department.code) == ("B", "SHOES")
    with work(house.engine) as session:
        assert rights_at(session, scene.li, scene.there, department_id=scene.shoes.id) == frozenset()
        with pytest.raises(ConflictError):
            move_department(session, session.get_one(Department, scene.shoes.id), to=scene.there, **scene.common)


def test_a_name_is_taken_once_in_a_store_and_what_does_not_fit_is_said(house, scene):
    with work(house.engine) as session:
        for act in (
            lambda: add_department(session, scene.here, code="SHOES", name="又一个", **scene.common),
            lambda: place_called(session, store="A", unit="海岸百货"),
            lambda: place_called(session, department="SHOES"),
            lambda: place_called(session, store="A", department="NONE"),
            lambda: add_department(session, scene.here, code="鞋", name="鞋", **scene.common),
        ):
            with pytest.raises((ConflictError, BadRequestError, NotFoundError)):
                act()
        add_department(session, scene.there, code="SHOES", name="鞋履部", **scene.common)
        with pytest.raises(ConflictError):
            move_department(session, session.get_one(Department, scene.shoes.id), to=scene.there, **scene.common)
        assert place_called(session, store="A", department="SHOES") == Place(department=session.get_one(Department, scene.shoes.id))


def test_a_device_stands_in_a_department_of_its_own_store(house, scene):
    with work(house.engine) as session:
        device = scene.devices["whole"][1]
        device = session.merge(device)
        stand_in(session, device, session.get_one(Department, scene.dresses.id), **scene.common)
        foreign = add_department(session, scene.there, code="FOOD", name="食品部", **scene.common)
        with pytest.raises(NotFoundError):
            stand_in(session, device, foreign, **scene.common)
        told = {each.name: each for each in terminals(session, now=house.clock.now())}
        assert (told["whole"].department, told["whole"].state) == ("女装部", "offered")


def test_a_store_goes_to_another_unit_and_its_positions_follow(house, scene):
    with work(house.engine) as session:
        other = staffing.add_store(session, code="C", name="超市", unit="海岸超市", **scene.common)
        unit = session.get_one(BusinessUnit, other.business_unit_id)
        staffing.give_position(session, scene.chen, role=Role.SUPERVISOR, unit=unit, **scene.common)
        store = session.get_one(Store, scene.there.id)
        assert rights_at(session, scene.chen, store) == frozenset()
        move_store(session, store, unit=unit, **scene.common)
        assert rights_at(session, scene.chen, store) == RIGHTS[Role.SUPERVISOR]
        with pytest.raises(ConflictError):
            move_store(session, store, unit=unit, **scene.common)


def test_the_terminal_check_says_who_was_seen_when(house, scene, clock):
    device_token = scene.token("shoes")
    token, _ = log_in(house, device_token=device_token, login="chen", password=PASSWORD, totp="", address="t")

    def seen():
        with work(house.engine) as session:
            find_presence(session, token=token, device_token=device_token, now=clock.now())
        with work(house.engine) as session:
            return {each.name: (each.state, each.seen_at) for each in terminals(session, now=clock.now())}

    first = clock.now()
    assert seen()["shoes"] == ("paired", first)
    clock.advance(timedelta(seconds=30))
    assert seen()["shoes"] == ("paired", first)
    clock.advance(timedelta(seconds=31))
    assert seen()["shoes"] == ("paired", clock.now())
    clock.advance(timedelta(minutes=20))
    assert seen()["whole"][0] == "lapsed"
    with work(house.engine) as session:
        staffing.revoke_device(session, session.merge(scene.devices["shoes"][1]), **scene.common)
    with work(house.engine) as session:
        shown = terminals(session, devices_of(session.get_one(Staff, scene.wang.id), right=Right.REPORT), now=clock.now())
    assert [(each.name, each.state) for each in shown] == [("shoes", "cut_off")]
