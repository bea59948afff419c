"""Giving and taking in a real Chromium: the link, the pack, the typed code, each page in the hand."""

import pytest
from playwright.sync_api import expect

from app.core.unit import work
from app.web.h5.session import COOKIE
from cards.coupons.claim_codes import add_word
from tests.support.browser import screenshot

pytestmark = pytest.mark.browser


def be(page, base, counter, openid):
    page.context.clear_cookies()
    page.context.add_cookies([{"name": COOKIE, "value": counter.cookie(openid), "url": base}])


def test_a_pack_goes_to_friends_and_its_rest_comes_back(phone, counter, base):
    lin = counter.member("oLin")
    counter.member("oZhao")
    template = counter.template("双十一好友券", giveable=True, per_person=5, minimum_fen=19_900)
    coupons = [counter.give(lin, template, str(place)) for place in range(5)]
    be(phone, base, counter, "oLin")
    phone.goto(f"{base}/me/coupon/{coupons[0]}")
    phone.get_by_role("link", name="送给朋友").click()
    screenshot(phone, "h5_give")
    phone.get_by_label("几张").fill("4")
    phone.get_by_role("button", name="生成分享包").click()
    expect(phone.get_by_role("status")).to_contain_text("已准备好")
    screenshot(phone, "h5_gift_own")
    link = phone.url.split("?")[0]
    be(phone, base, counter, "oZhao")
    phone.goto(link)
    expect(phone.get_by_text("剩 4 张，共 4 张")).to_be_visible()
    screenshot(phone, "h5_gift")
    phone.get_by_role("button", name="收下").click()
    expect(phone.get_by_role("status")).to_contain_text("领取成功")
    be(phone, base, counter, "oLin")
    phone.goto(f"{base}/me/gifts")
    expect(phone.get_by_text("剩 3 张，共 4 张")).to_be_visible()
    screenshot(phone, "h5_gifts")
    phone.get_by_role("button", name="收回").click()
    expect(phone.get_by_role("status")).to_contain_text("已收回")
    phone.goto(f"{base}/me/coupons")
    expect(phone.locator(".ticket:not(.gone)")).to_have_count(4)
    screenshot(phone, "h5_coupons_gifts")


def test_a_code_is_typed(phone, house, counter, base):
    counter.member("oLin")
    template = counter.template("口令券", claimable=False)
    with work(house.engine) as session:
        add_word(session, template, "双十一快乐", most=5, until=None, actor="Mei", now=house.clock.now())
    be(phone, base, counter, "oLin")
    phone.goto(f"{base}/me/coupons")
    phone.get_by_role("link", name="我有兑换码").click()
    phone.get_by_label("兑换码").fill("双十一 快乐")
    screenshot(phone, "h5_claim_code")
    phone.get_by_role("button", name="领取优惠券").click()
    expect(phone.get_by_role("status")).to_contain_text("领取成功")
