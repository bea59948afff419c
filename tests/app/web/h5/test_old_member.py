"""Joining by phone asks the group's CRM: the card is there at once, and what it says of an old member on the card page."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from app.core.nouns import BusinessUnit
from app.core.unit import reading
from cards.models.crm import CrmQuestion
from jobs.crm import ask_due
from tests.app.web.h5.test_join import send
from tests.support.cast import LIN, ZHAO
from tests.support.crm import open_crm, says


@pytest.fixture
def crm(house, counter):
    with reading(house.engine) as session:
        unit = session.get_one(BusinessUnit, counter.unit_id).name
    with open_crm() as running:
        running.connect(house, unit)
        yield running


def page_of(web):
    return web.get("/me").get_data(as_text=True)


def test_an_old_card_in_hand_brings_its_points(web, crm, counter):
    crm.know(LIN.phone, card_number="VIP770012", tier="银卡")
    assert send(web, counter, old="VIP 770012").status_code == 303
    page = page_of(web)
    assert 'id="points">200<' in page
    assert "正在查询您的老会员积分" in page
    ask_due()
    page = page_of(web)
    assert 'id="points">1,400<' in page
    assert "老会员积分 1,200 已到账" in page
    assert "银卡" in page


def test_a_typed_number_alone_takes_nothing_and_says_where_to_go(web, house, crm, counter):
    crm.know(LIN.phone, card_number="VIP770012", tier="银卡")
    send(web, counter)
    ask_due()
    page = page_of(web)
    assert 'id="points">200<' in page
    assert "查到您的老会员资料：到店报手机号" in page
    # A second phone that types the same number is not even asked for, whatever card it names.
    assert send(web, counter, "oZhao", old="VIP770012").status_code == 422
    with reading(house.engine) as session:
        assert len(session.scalars(select(CrmQuestion)).all()) == 1


def test_a_crm_that_is_away_is_no_reason_to_wait(web, house, crm, counter):
    crm.instead = says(500)
    assert send(web, counter, phone=ZHAO.phone).status_code == 303
    ask_due()
    page = page_of(web)
    assert 'id="points">200<' in page
    assert "查到后自动到账" in page
    with reading(house.engine) as session:
        assert session.scalars(select(CrmQuestion.reason)).one() == "status_500"
    # A CRM that was taken away is waited for no more.
    house.settings = replace(house.settings, crm_url=None)
    assert "查到后自动到账" not in page_of(web)
