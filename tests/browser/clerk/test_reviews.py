"""What the defences caught, in a supervisor's hand: seen, judged with a reason, gone."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.core.unit import reading, work
from cards.fraud import suspect
from cards.models.redemption import Suspicion
from cards.till import Till
from tests.support.browser import screenshot

pytestmark = pytest.mark.browser


def test_a_supervisor_judges_what_was_caught(at_counter, counter):
    coupon = counter.coupon()
    with work(counter.house.engine) as session:
        till = Till("device:x", "陈晨", counter.store.id, counter.store.business_unit_id, counter.chen.id)
        who = {"customer_id": counter.lin.customer_id, "coupon_id": coupon.id, "now": counter.house.clock.now()}
        suspect(session, "own_coupon", till=till, detail={}, **who)
        suspect(session, "many_for_one", till=till, detail={"order_no": "NJX-1001", "total_fen": 32_050}, **{**who, "coupon_id": None})
    assert at_counter().locator("#reviews").is_hidden()
    page = at_counter(counter.wang)
    button = page.get_by_role("button", name="待审核 2")
    button.click()
    expect(page.locator("#sheet .box")).to_have_count(2)
    first = page.locator("#sheet .box").first
    expect(first).to_contain_text("为自己核销")
    expect(first).to_contain_text("138****0003")
    screenshot(page, "clerk_reviews")
    first.get_by_role("button", name="放行").click()
    expect(page.locator("#sheet .box")).to_have_count(2)
    first.get_by_label("原因（必填）").fill("已与顾客核对")
    first.get_by_role("button", name="放行").click()
    expect(page.locator("#sheet .box")).to_have_count(1)
    page.locator("#sheet .close").click()
    expect(page.locator("#reviews")).to_have_text("待审核 1")
    with reading(counter.house.engine) as session:
        states = session.scalars(select(Suspicion.state).order_by(Suspicion.id)).all()
    assert states == ["cleared", "open"]
