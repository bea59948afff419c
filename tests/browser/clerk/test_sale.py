"""A whole sale in a real Chromium: amount, what is used, one touch, the slip on 58 mm, and the way back; a supervisor's word."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from app.core.unit import work
from cards import codes
from cards.ledger.earn import earn
from cards.ledger.wallets import open_wallet
from cards.models.ledger import WalletKind
from cards.models.membership import MemberCard
from cards.points_at_till import Terms, write_terms
from tests.browser.clerk.conftest import type_code
from tests.support.browser import screenshot
from tests.support.money import cause

pytestmark = pytest.mark.browser


@pytest.fixture
def gold(house, counter):
    """Lin is 金卡 with 2 000 points, 100 yuan of stored value and two coupons."""
    now = house.clock.now()
    with work(house.engine) as session:
        card = session.get_one(MemberCard, counter.lin.id)
        card.tier_id, card.tier_until = counter.club.tiers[2], now + timedelta(days=90)
        write_terms(session, counter.club.programme_id, Terms(fen_per_100_points=100, cap_percent=50), now=now)
        for kind, amount in ((WalletKind.POINTS, 1900), (WalletKind.VALUE, 10_000)):
            wallet_id = open_wallet(session, customer_id=card.customer_id, programme_id=counter.club.programme_id, kind=kind)
            unit = {"unit_id": counter.club.shop.unit_id, "available_from": now, "expires_at": None}
            earn(session, wallet_id=wallet_id, amount=amount, cause=cause(now), **unit)
    counter.coupon()
    counter.coupon(name="茶饮立减 8 元", minimum_fen=0, terms={"amount_fen": 800})
    return counter


def member_code(counter):
    return codes.make_moving(counter.house.ring, kind=codes.MEMBER, subject=int(counter.lin.number), now=counter.house.clock.now())


@pytest.mark.parametrize("wishes", [{}, {"viewport": {"width": 1440, "height": 900}, "locale": "en-US"}], ids=["phone", "desk"])
def test_from_the_members_code_to_the_slip_and_back(gold, at_counter, wishes):
    page = at_counter(**wishes)
    type_code(page, member_code(gold))
    page.click("#checkout")
    page.fill("#sheet input[name=amount]", "299")
    expect(page.locator("#sell")).to_be_enabled()
    # 5 % off and the better coupon are there by themselves; points and balance wait for a touch.
    expect(page.locator("#sheet .sums")).to_contain_text("14.95")
    # A tier has a name in each language.
    expect(page.locator("#sheet .sums")).to_contain_text("Gold price" if wishes else "金卡会员价")
    expect(page.locator("#sheet .sums .sum dd")).to_have_text("¥184.05")
    for name in (re.compile("2,000"), re.compile("100\\.00")):
        page.locator("#sheet .chip.choice").filter(has_text=name).last.click()
        expect(page.locator("#sell")).to_be_enabled()
    expect(page.locator("#sheet .sums .sum dd")).to_have_text("¥64.05")
    screenshot(page, f"sale-{'desk' if wishes else 'phone'}")
    page.click("#sell")
    expect(page.locator("#outcome")).to_have_attribute("data-kind", "done")
    expect(page.locator("#outcome .why")).to_contain_text("¥64.05")
    screenshot(page, f"sold-{'desk' if wishes else 'phone'}")
    page.locator("#outcome .btn.ghost").click()
    slip = page.locator("pre.slip")
    expect(slip).to_contain_text("应付 To pay")
    screenshot(page, f"slip-{'desk' if wishes else 'phone'}")
    page.evaluate("window.print = () => {}")
    page.locator("#sheet .two .btn-main").click()
    page.emulate_media(media="print")
    expect(page.locator("#print")).to_be_visible()
    expect(page.locator("#app")).to_be_hidden()
    page.emulate_media(media="screen")
    page.click("#unsell")
    expect(page.locator("#outcome")).to_have_attribute("data-kind", "undone")


def test_the_tiers_price_stands_on_a_coupons_preview(gold, at_counter):
    page = at_counter()
    type_code(page, gold.coupon(name="满减券").code)
    page.fill("#sheet input[name=amount]", "300")
    expect(page.locator("#sheet .sums")).to_contain_text("金卡会员价")
    expect(page.locator("#sheet .sums .sum dd")).to_have_text("¥185.00")
    screenshot(page, "preview-tier")


def test_a_supervisor_lets_a_coupon_through_and_a_clerk_does_not_see_how(gold, at_counter):
    code = gold.coupon(name="满减券").code
    for staff in (None, gold.wang):
        page = at_counter(staff)
        type_code(page, code)
        page.fill("#sheet input[name=amount]", "150")
        expect(page.locator("#sheet .unmet")).to_be_visible()
        reason = page.locator("#sheet input[name=override]")
        if staff is None:
            expect(reason).to_be_hidden()
            continue
        reason.fill("老顾客补偿")
        expect(page.locator("#confirm")).to_be_enabled()
        screenshot(page, "override")
        page.click("#confirm")
        expect(page.locator("#outcome")).to_have_attribute("data-kind", "done")
