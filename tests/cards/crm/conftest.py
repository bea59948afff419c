"""A club, a CRM on loopback that its house asks, and somebody who opens a card with his phone."""

import pytest
from sqlalchemy import select

from app.core.nouns import BusinessUnit
from app.core.unit import reading, work
from cards.crm.questions import wonder
from cards.enrolment import enrol
from cards.models.crm import CrmQuestion
from cards.models.membership import CardPath
from tests.support.crm import open_crm
from tests.support.members import open_club

PHONE = "13800000003"


@pytest.fixture
def club(house):
    return open_club(house)


@pytest.fixture
def crm(house, club):
    with reading(house.engine) as session:
        unit = session.get_one(BusinessUnit, club.shop.unit_id).name
    with open_crm() as running:
        running.connect(house, unit)
        yield running


@pytest.fixture
def enter(house, club):
    """`enter()` opens a card at the counter and has the CRM asked; keywords go to the question."""

    def act(phone=PHONE, *, proved=True, **more):
        with work(house.engine) as session:
            opened = enrol(
                session,
                house.ring,
                phone=phone,
                programme_id=club.programme_id,
                path=CardPath.CLERK,
                registry=house.registry,
                actor="Chen",
                now=house.clock.now(),
            )
            wonder(house, session, opened.card, proved=proved, **more)
            return opened.card

    return act


@pytest.fixture
def question(house):
    """The question as it stands; None when there is none."""

    def read():
        with reading(house.engine) as session:
            return session.scalars(select(CrmQuestion)).one_or_none()

    return read
